"""Cases per second times seconds per case are the people who are busy. Room against queues makes them seats. A person
on shift fills a seat only for the time at the desk, or for the hours that harmful content is allowed if these are
fewer. The payroll covers every hour of the week with people who are paid for a part of it and present for a part of
that: some ten people for a seat, not three."""

from math import ceil

busy = posts_per_minute / 60 * review_share * seconds
seats = ceil(busy / ceiling - 1e-9)
reviewing = min(at_desk, exposure_hours / shift_hours)
on_shift = ceil(seats / reviewing - 1e-9)
payroll = ceil(seats * 168 / (contract_hours * present * reviewing) - 1e-9)
