"""One answer that earns full marks; others do too. What counts is that the candidates bound everything after them, a
change that a look at failures suggests, a paired comparison on questions that no setting was chosen on, and a result
that ends the attempt."""

"""
The reranker only reorders: it cannot lift the first five above the share of questions whose answer is among the
candidates, and that share is itself below the target. So there are two losses, and the one before the reranker must
shrink first.

I read thirty questions whose answer is not among the candidates and expect three sorts: other words than the document's
(a lexical side or another embedder), answers cut in two or never read by the embedder (smaller windows, with titles),
and answers that no document holds. The most frequent sort goes first. Twice the candidates are cheap to try: they
double the reranker's time, which I measure against the budget.

Half of the questions choose settings, the other half judge. Both pipelines answer the same ones; I report the mean
difference with a bootstrap interval over documents. With 100 to 200 questions a share near 0.8 is uncertain by 6 to 8
points, so I would first label more.

I say no if the upper end of the interval for the candidates stays below the target after two changes, or if the missing
answers are in no document. Then the product gets "not in the documents", and a list of what to write.
"""
