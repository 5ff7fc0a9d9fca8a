"""The first window of a document covers `size` tokens, each further one `size - overlap` new ones, and the last may be
short: that is one rounding per document, not one for the corpus. Then everything is a product. The vectors are most of
it, but a replica needs links and text too; all of it fits into one machine, which is the point to make early."""

import math

step = size - overlap
per_document = 1 + max(0, math.ceil((tokens - size) / step))
chunks = documents * per_document
vectors_gb = chunks * dimension * 4 / 1e9
links_gb = chunks * 4 * (2 * m + m / (m - 1)) / 1e9
replica_gb = vectors_gb + links_gb + chunks * payload / 1e9
