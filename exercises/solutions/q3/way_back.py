"""The serving version takes the first place in the memory and its cache a second; what is left holds whole versions. A
router that read just before the write goes on for one polling interval, and an answer that begins at its end runs to
its end. Not loaded, all of the start comes before that, the weights at an eighth of the link's bits."""

weights_gb = parameters * 2 / 1e9
standby = int((gpus * gpu_gb * usable - cache_gb) / weights_gb) - 1
back_s = poll_s + longest_answer_s
cold_back_s = provision_s + pull_s + weights_gb * 8 / link_gbit_s + warm_up_s + back_s
