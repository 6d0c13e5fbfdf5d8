import Glibc

/// The end of a process for which nothing can be done, such as one without memory.
package enum FatalLine {
    /// Writes `text` as one line on stderr and ends the process with status 1. Allocates nothing
    /// that is not there already, and leaves without destructors: other threads may be at work.
    package static func end(_ text: StaticString, bytes: Int, advice: StaticString) -> Never {
        write(text)
        write(bytes)
        write(advice)
        fflush(nil)
        _exit(1)
    }

    private static func write(_ text: StaticString) {
        _ = Glibc.write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
    }

    /// Writes a number that is not negative, digit by digit.
    private static func write(_ number: Int) {
        var (divisor, rest) = (1, max(0, number))
        while rest / divisor >= 10 { divisor *= 10 }
        while divisor > 0 {
            var digit = UInt8(ascii: "0") + UInt8(rest / divisor)
            _ = Glibc.write(STDERR_FILENO, &digit, 1)
            rest %= divisor
            divisor /= 10
        }
    }
}
