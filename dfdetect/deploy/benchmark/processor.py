"""What this machine's processor has for int8."""


def has_vnni(cpuinfo: str = "/proc/cpuinfo") -> bool | None:
    """Whether an x86 processor adds products of bytes in 32 bits by one instruction: AVX-512 VNNI or AVX-VNNI.

    Those without add them in 16 bits, which may overflow, or in several steps, which is hardly faster than fp32.

    Args:
        cpuinfo: file in which Linux tells.

    Returns:
        None where it is not known: on other systems and other processors.
    """
    try:
        with open(cpuinfo, encoding="ascii", errors="replace") as lines:
            flags = next((line.split() for line in lines if line.startswith("flags")), None)
    except OSError:
        return None
    return None if flags is None else bool({"avx512_vnni", "avx_vnni"} & set(flags))
