"""A process's memory, as far as it can be read."""


def pieces(pid):
    """For each mapping its place, its name and its bytes."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            place, mode, _, _, _, *name = line.split(maxsplit=5)
            start, end = (int(each, 16) for each in place.split("-"))
            if "r" not in mode or name[:1] in (["[vvar]\n"], ["[vsyscall]\n"]):
                continue
            try:
                memory.seek(start)
                yield place, name, memory.read(end - start)
            except OSError:
                continue
