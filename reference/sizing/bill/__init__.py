"""Bills for language models: usage records, dated prices, what each strategy saves, and in which order to do them."""
