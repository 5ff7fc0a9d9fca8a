"""The peak is what a queue has to work off later, and what a stream has to bear now; a stream's connection is open
until its last token, whatever its first one promises; each open job polls over and over, so polls are the rate times
the polls of one job; a worker finishes as many reports at a time as it has slots; and what does not fit into whole
workers needs one more. Redo each step from the line above: the one that does not come out is wrong."""

import math

peak, connections, polls, backlog, further = said
redone = {
    "1": reports / 86_400 * peak_factor,
    "2": peak * job_s,
    "3": peak * (job_s / poll_s + 1),
    "4": round((peak - workers * slots / job_s) * 60 * spell_min),
    "5": math.ceil(backlog * job_s / (slots * 60 * clear_min)),
}
wrong_step = next(step for step, one in zip(redone, said) if not math.isclose(redone[step], one))
mended = redone[wrong_step]
