"""Question 6: a code reviewer of five specialists. What a pull request says is data; nothing of it is ever run."""
