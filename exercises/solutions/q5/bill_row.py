"""A bill is requests times tokens times a price, and output has a price of its own. The stated dollars over the list
price is the factor by which both token counts would have to shrink (or grow). A share of the requests at half price
saves half of that share, no more."""

request = (tokens_in * price_in + tokens_out * price_out) / 1e6  # dollars
dollars = requests * request
true_tokens_in = tokens_in * stated / dollars
batched_dollars = dollars * (1 - batch_share) + dollars * batch_share / 2
