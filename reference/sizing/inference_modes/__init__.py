"""Synchronous, streaming, asynchronous, batch: which fits which requirements, what a fleet on a queue costs.

`decision` judges the four modes from requirements, `crossings` says by formula where one passes the other,
`fleet_simulation` runs a fleet that scales on the depth of its queue, `economics` compares what such fleets cost.
"""
