"""Running sums give the borders of the words; a window is a pair of borders. Forwards while the words fit into the
size, then backwards while they fit into the overlap. Stop when the end is reached, or the last window repeats what the
one before has said. No word is longer than half a window, so each step moves on; without such a bound a long word
behind a short stretch would be met again and again, and the loop would never end."""

from itertools import accumulate


def windows(words, size, overlap):
    borders = [0, *accumulate(words)]
    found, first = [], 0
    while first < len(words):
        last = first
        while last < len(words) and borders[last + 1] - borders[first] <= size:
            last += 1
        found.append([borders[first], borders[last]])
        if last == len(words):
            break
        first = last
        while borders[last] - borders[first - 1] <= overlap:
            first -= 1
    return found
