"""Links of a post, judged by what is written in them: nothing is ever fetched or looked up."""
