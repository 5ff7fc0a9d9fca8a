"""Questions that customers of a shop ask again and again, each in four wordings.

Neighbours differ in what decides the answer (a country, a number, a negation, what is cancelled), so that a cache which
answers by likeness alone serves wrong answers here.
"""

from __future__ import annotations

FAQ: dict[str, tuple[str, str, str, str]] = {
    "return period": (
        "How long can I return an item?", "how many days do I have to return an item",
        "Until when can I send an item back?", "what is the time limit for returning an item",
    ),
    "exchange period": (
        "How long can I exchange an item?", "how many days do I have to exchange an item",
        "Until when can I swap an item for another?", "what is the time limit for exchanging an item",
    ),
    "return with receipt": (
        "Can I return an item with a receipt?", "is a return with the receipt possible",
        "I have the receipt, may I return the item?", "do you take an item back with its receipt",
    ),
    "return without receipt": (
        "Can I return an item without a receipt?", "is a return without the receipt possible",
        "I do not have the receipt, may I return the item?", "do you take an item back without its receipt",
    ),
    "ship to Norway": (
        "Do you ship to Norway?", "can you deliver to Norway",
        "Is delivery to Norway possible?", "do you send parcels to Norway",
    ),
    "ship to Sweden": (
        "Do you ship to Sweden?", "can you deliver to Sweden",
        "Is delivery to Sweden possible?", "do you send parcels to Sweden",
    ),
    "standard delivery": (
        "How long does standard delivery take?", "how many days does standard delivery need",
        "When does a standard delivery arrive?", "what is the delivery time for standard shipping",
    ),
    "express delivery": (
        "How long does express delivery take?", "how many days does express delivery need",
        "When does an express delivery arrive?", "what is the delivery time for express shipping",
    ),
    "cancel order": (
        "How do I cancel my order?", "how can I cancel an order",
        "What must I do to cancel my order?", "where do I cancel the order that I placed",
    ),
    "cancel subscription": (
        "How do I cancel my subscription?", "how can I cancel a subscription",
        "What must I do to cancel my subscription?", "where do I cancel the subscription that I have",
    ),
    "change e-mail": (
        "How do I change my e-mail address?", "how can I change the e-mail address of my account",
        "Where can I enter a new e-mail address?", "what must I do to change my e-mail address",
    ),
    "change password": (
        "How do I change my password?", "how can I change the password of my account",
        "Where can I enter a new password?", "what must I do to change my password",
    ),
    "warranty 2": (
        "What does the 2 year warranty cover?", "what is covered by the 2 year warranty",
        "Which damage is covered by the 2 year warranty?", "what do I get with the 2 year warranty",
    ),
    "warranty 5": (
        "What does the 5 year warranty cover?", "what is covered by the 5 year warranty",
        "Which damage is covered by the 5 year warranty?", "what do I get with the 5 year warranty",
    ),
    "pay by invoice": (
        "Can I pay by invoice?", "is payment by invoice possible",
        "Do you accept payment by invoice?", "may I pay by invoice",
    ),
    "pay in instalments": (
        "Can I pay in instalments?", "is payment in instalments possible",
        "Do you accept payment in instalments?", "may I pay in instalments",
    ),
    "gift card valid": (
        "How long is a gift card valid?", "when does a gift card expire",
        "For how long can I use a gift card?", "until when is a gift card valid",
    ),
    "points valid": (
        "How long are bonus points valid?", "when do bonus points expire",
        "For how long can I use bonus points?", "until when are bonus points valid",
    ),
    "opening hours": (
        "When is customer service open?", "what are the opening hours of customer service",
        "At what time can I call customer service?", "what are your customer service hours",
    ),
    "stores": (
        "Where are your stores?", "in which cities do you have a store",
        "Is there a store near me?", "where can I visit one of your stores",
    ),
}  # fmt: skip
