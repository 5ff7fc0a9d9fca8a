"""What is let through multiplies: two savings of a half leave a quarter, not nothing. Alone, each saves on the whole
bill, so adding them counts the overlap twice. Caching stands first in two of the six orders, last in two, and second
behind either of the others in one each."""

left = bill * (1 - routing) * (1 - caching) * (1 - prompts)
promised_twice = bill * (routing + caching + prompts) - (bill - left)

first = bill * caching
behind_routing = bill * (1 - routing) * caching
behind_prompts = bill * (1 - prompts) * caching
last = bill * (1 - routing) * (1 - prompts) * caching
caching_shapley = (2 * first + behind_routing + behind_prompts + 2 * last) / 6
