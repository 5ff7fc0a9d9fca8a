"""Slips of question 7."""

from exercises.slips.kind import Slip

SLIPS = {
    # What is held.
    "one_request_only": Slip("this is one request: how many are under way at the same time?"),
    "rate_over_time": Slip("this divides where Little's law multiplies: does a longer wait hold fewer?"),
    "last_poll_missing": Slip("the poll that finds the job done is one more", 0.5),
    "submission_missing": Slip("handing the job in holds a connection as well", 0.5),
    "polls_not_per_job": Slip("every open job asks again and again: how often over its whole life?"),
    "connection_for_whole_job": Slip("this holds the line for the whole job: how long does one poll hold it?"),
    # Calls and batches.
    "one_call_after_another": Slip("the caller keeps several calls open at the same time"),
    "round_trip_missing": Slip("each call also travels there and back", 0.5),
    "set_up_missing": Slip("the batch must be uploaded, checked and fetched before it is done", 0.25),
    "caller_slots_for_batch": Slip("the batch does not run at the caller's own limit: how many slots does it get?"),
    "batch_items_free": Slip("the items of the batch take time as well: what is saved per item is a difference", 0.25),
    # Machines and money.
    "slots_missing": Slip("a worker runs several jobs at the same time", 0.25),
    "workers_by_rate": Slip("this only keeps up: what is waiting must be worked off as well"),
    "cold_start_missing": Slip("a worker is paid from its start, also before its first job", 0.5),
    "linger_missing": Slip("a worker is paid until it goes, also when it has nothing to do", 0.5),
    "ignores_fill": Slip("not every slot of a working worker is in use", 0.5),
    "wrong_way_round": Slip("this is the other one's share: which of the two do you pay for all the time?"),
    # A backlog.
    "backlog_without_service": Slip("jobs are also finished while the line grows", 0.25),
    # A parser of server-sent events.
    "chunks_for_lines": Slip("a piece of the network is taken for whole lines: they are cut anywhere"),
    "decoded_by_chunk": Slip("characters that are cut between two pieces come out broken: when may bytes be decoded?"),
    "event_per_data_line": Slip("each data line seems to become an event of its own"),
    "value_stripped": Slip("more than one space is taken off the value"),
    "id_before_event": Slip("the id counts before its event is complete: what would a client that comes back miss?"),
    "type_kept": Slip("the type of an event seems to stay for those after it"),
    # A receiver of webhooks.
    "age_unchecked": Slip("an old message that is sent again seems to be taken"),
    "future_accepted": Slip("a time that lies too far ahead seems to be taken"),
    "first_signature_only": Slip("only one of several signatures seems to be tried"),
    "signs_body_only": Slip("the signature seems to be computed over something else than id, time and body"),
    "repeat_before_signature": Slip("a forged message seems to change what is remembered"),
    "repeat_taken": Slip("the same delivery seems to take effect twice"),
}  # fmt: skip
