"""Words that fill the slots of the templates. Everything that could name a real person or firm is invented."""

from __future__ import annotations

from functools import cache


def _words(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


_PLAIN: dict[str, tuple[str, ...]] = {
    "name": _words(
        "Ada, Bram, Chidi, Dunja, Emeka, Farah, Goran, Hana, Ines, Jomo, Kaito, Lena, Mireille, Nuno, Oksana, Priya, "
        "Quentin, Rosa, Sefa, Tariq, Ulla, Viktor, Wanjiru, Ximena, Yusuf, Zofia, Mr Cockburn, Mrs Dickinson, Anita"
    ),
    "place": _words(
        "the harbour, the market square, the old library, Westfield park, the bus station, our street, the north gate, "
        "the river bank, the town hall, the football ground, the bakery on the corner, the museum, platform four, "
        "the school yard, the swimming pool, the community garden, the tram stop, the lighthouse"
    ),
    "town": _words(
        "Scunthorpe, Penistone, Clitheroe, Lightwater, Essex, Middlesex, Sussex, Arsenal, Cockfosters, Shitterton, "
        "Assling, Dickson City, Cumbernauld, Titwell, Nantwich, Hancock Falls"
    ),
    "lookalike": _words(
        "classic, button, assess, bass, cockpit, cocktail, grape, therapist, analysis, shiitake, titmouse, "
        "compass, embassy, passage, assignment, peacock, document, circumference, Matsushita, scrap, raccoon, "
        "snigger, niggle, spicy, hoe, rapeseed, swank, cumulative, sextant, dickcissel, assassin bug"
    ),
    "food": _words(
        "lentil soup, fresh bread, plum cake, noodles, grilled fish, rice and beans, pancakes, pumpkin pie, dumplings, "
        "a cheese toast, mango ice, mushroom stew, olives, roasted corn, pea curry, apple strudel, tomato salad"
    ),
    "thing": _words(
        "bicycle, guitar, camera, umbrella, laptop, bookshelf, kettle, radio, garden chair, printer, tent, backpack, "
        "telescope, sewing machine, coffee grinder, skateboard, piano, lamp, washing machine, drill"
    ),
    "hobby": _words(
        "knitting, chess, rowing, pottery, birdwatching, salsa, carpentry, hiking, choir practice, photography, "
        "beekeeping, astronomy, climbing, calligraphy, karate, gardening, improv, model trains"
    ),
    "feeling": _words("happy, tired, proud, nervous, curious, calm, grateful, surprised, hopeful, a bit lost, excited"),
    "weather": _words("sunny, windy, foggy, freezing, mild, stormy, grey, hot, rainy, bright"),
    "day": _words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday"),
    "team": _words("the Otters, the Lanterns, the Rovers, the Blue Kites, the Millers, the Quarry Lions, the Swifts"),
    "pet": _words("cat, dog, rabbit, parrot, hamster, tortoise, pony, goldfish, ferret, budgie"),
    "work": _words(
        "the quarterly report, the school play, the match report, my essay, the budget, the new shift plan, the exam, "
        "the interview, the garden plan, the museum guide, the recipe book, the translation, the patch"
    ),
    "film": _words(
        "The Salt Road, Night Ferry, Seven Lanterns, Paper Harbour, The Last Orchard, Glass Winter, Moth Season, "
        "The Quiet Signal, Copper Moon, A Field of Clocks"
    ),
    "group": _words(
        "the Velmari, the Ostrians, the hill people, the Tarrens, the newcomers, the Belloni family, the Kessari, "
        "the river folk, the Ondari, those Marquen, the eastsiders, the Drellan kids"
    ),
    "victim": _words(
        "you, your brother, that journalist, the referee, your whole family, the mayor, my neighbour, {name}, "
        "the girl from the bakery, your teacher, that streamer, the bus driver"
    ),
    "good": _words(
        "watch, handbag, pair of trainers, perfume, phone, jacket, sunglasses, belt, suitcase, headset, "
        "football shirt, wallet, necklace, scarf"
    ),
    "brand": _words("Velmora, Castaine, Orlindo, Brunelli & Co, Hartwick, Lumière d'Oz, Tessaro, Kingsley Vane"),
    "bank": _words("Harbour Bank, First Meadow, Nordlys Sparkasse, Unity Credit, PostDirect, ParcelHive, StreamBox"),
    "amount": _words("50, 100, 250, 500, 999, 1000, 2500, 5000, 10000, 25000"),
    "percent": _words("10, 15, 20, 30, 50, 70, 80, 90, 200, 300"),
    "number": tuple(str(n) for n in range(2, 60)),
    "open": _words(
        "honestly, so, well, ok, hey everyone, just saying, listen, fun fact, update, good morning, right, by the way, "
        "look, friends, guess what, question, note to self, hot take, finally, reminder"
    ),
    "close": _words(
        "lol, thanks!, what do you think?, see you there, :), #weekend, #life, please share, can't wait, anyone else?, "
        "that's all, more soon, take care, no joke, 100%, wow, ok bye, #today, let me know, as always"
    ),
}
_HOST_STEMS = _words(
    "fast-gift, secure-login, prize-desk, quick-mint, cheap-lux, help-center, parcel-track, coin-double, bonus-hub, "
    "id-check, fan-boost, slim-now, outlet-vip, wallet-sync, refund-desk, deal-cave, promo-zone, account-care"
)
_GOOD_HOSTS = _words(
    "https://library.example/hours, https://recipes.example/soup, https://town.example/news, "
    "https://club.example/join, https://photos.example/album, https://docs.example/guide, "
    "https://bank.example/branches, https://choir.example"
)


@cache
def slot(name: str) -> tuple[str, ...]:
    """Fillers of one slot. KeyError for an unknown slot: a misspelt template must not pass."""
    from reference.moderation.rules.lexicon import tokens

    if name == "badhost":
        return tuple(
            f"https://{stem}{n}.example/{path}"
            for stem in _HOST_STEMS
            for n in ("", "24", "7")
            for path in ("a1", "go")
        )
    if name == "goodhost":
        return _GOOD_HOSTS
    lexical = {
        "slur": "hate",
        "violent": "threat",
        "fake": "counterfeit",
        "coin": "crypto_scam",
        "lure": "phishing",
        "junk": "spam",
    }
    return tokens(lexical[name]) if name in lexical else _PLAIN[name]
