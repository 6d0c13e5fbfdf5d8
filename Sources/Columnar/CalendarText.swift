/// Days and times as Python's `str` writes `date`, `time` and `datetime`: "2024-02-29", "13:05:07.250000",
/// "2024-02-29 13:05:07+00:00".
///
/// Fractions have six digits, or nine where microseconds do not suffice (as pandas' Timestamp), or are left out where
/// they are zero. Years that Python has no dates for (before 1 and after 9999) are written as ISO 8601 extends them,
/// with a sign and at least four digits.
package enum CalendarText {
    static let secondsPerDay: Int64 = 86_400
    private static let nanosecondsPerSecond: Int64 = 1_000_000_000

    /// A day of the Gregorian calendar, counted from 1970-01-01.
    package static func date(_ days: Int64) -> String {
        let (year, month, day) = civil(days)
        let digits = padded(Int(year.magnitude), 4)
        let sign = year < 0 ? "-" : year > 9999 ? "+" : ""
        return "\(sign)\(digits)-\(padded(month, 2))-\(padded(day, 2))"
    }

    /// A time of the day; nothing for one that no day has.
    package static func time(_ count: Int64, _ unit: TimeUnit) -> String? {
        let (seconds, nanoseconds) = split(count, unit)
        guard (0..<secondsPerDay).contains(seconds) else { return nil }
        return time(seconds, nanoseconds)
    }

    /// A time since 1970-01-01 00:00.
    package static func timestamp(_ count: Int64, _ unit: TimeUnit, isUTC: Bool) -> String {
        let (seconds, nanoseconds) = split(count, unit)
        return timestamp(seconds, nanoseconds) + (isUTC ? "+00:00" : "")
    }

    /// A time since 1970-01-01 00:00 UTC, as clocks show it that are `offset` seconds (less than two days) ahead.
    static func timestamp(_ seconds: Int64, _ nanoseconds: Int64, offset: Int64 = 0) -> String {
        let (days, second) = floorDivision(seconds, secondsPerDay)
        let (more, shifted) = floorDivision(second + offset, secondsPerDay)
        return "\(date(days + more)) \(time(shifted, nanoseconds))"
    }

    /// INT96: nanoseconds of a day, and the day's number in the Julian calendar of astronomers.
    static func timestamp(nanoseconds: Int64, julianDay: UInt32) -> String {
        let epoch: Int64 = 2_440_588
        let (days, rest) = floorDivision(nanoseconds, secondsPerDay * nanosecondsPerSecond)
        let (second, nanosecond) = floorDivision(rest, nanosecondsPerSecond)
        return "\(date(Int64(julianDay) - epoch + days)) \(time(second, nanosecond))"
    }

    /// A time of the day, with its fraction.
    static func time(_ seconds: Int64, _ nanoseconds: Int64) -> String {
        padded(Int(seconds / 3600), 2) + minutes(seconds, nanoseconds)
    }

    /// The minutes, seconds and fraction of a time of the day: ":05:07.250000".
    static func minutes(_ seconds: Int64, _ nanoseconds: Int64) -> String {
        let seconds = Int(seconds)
        let clock = ":\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
        if nanoseconds == 0 { return clock }
        return nanoseconds % 1000 == 0
            ? "\(clock).\(padded(Int(nanoseconds / 1000), 6))"
            : "\(clock).\(padded(Int(nanoseconds), 9))"
    }

    /// Year, month and day (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days).
    private static func civil(_ days: Int64) -> (year: Int64, month: Int, day: Int) {
        let daysPerEra: Int64 = 146_097
        let (era, dayOfEra) = floorDivision(days + 719_468, daysPerEra)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let day = Int(dayOfYear - (153 * shifted + 2) / 5) + 1
        let month = Int(shifted < 10 ? shifted + 3 : shifted - 9)
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
    }

    /// Whole seconds, rounded down, and the rest.
    static func split(_ count: Int64, _ unit: TimeUnit) -> (seconds: Int64, nanoseconds: Int64) {
        let (seconds, rest) = floorDivision(count, unit.rawValue)
        return (seconds, rest * (nanosecondsPerSecond / unit.rawValue))
    }

    /// Division whose rest is not negative.
    static func floorDivision(_ number: Int64, _ by: Int64) -> (Int64, rest: Int64) {
        let (quotient, rest) = number.quotientAndRemainder(dividingBy: by)
        return rest < 0 ? (quotient - 1, rest + by) : (quotient, rest)
    }

    private static func padded(_ number: Int, _ digits: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, digits - text.count)) + text
    }
}
