"""Every layer keeps one key and one value per KV head and token, `head_dim` numbers of 2 bytes each. Query heads share
them and store nothing. What is left is divided by what a whole conversation keeps; a conversation that fits by half
does not fit."""

per_token = 2 * layers * kv_heads * head_dim * 2  # bytes
kv_kib_per_token = per_token / 1024
conversations = int(free_gb * 1e9 // (per_token * context_tokens))
