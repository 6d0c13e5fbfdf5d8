/// How numbers of a date or time column are written: as Python's `str` writes what pyarrow makes of them.
///
/// - date: "2024-02-29"; years that Python has no dates for as ``CalendarText`` writes them, here and in timestamps
/// - time: "13:05:00", with a fraction of 6 digits where it is not zero and of 9 where those do not suffice
/// - timestamp: "2024-02-29 13:05:00" with the same fractions; with a zone, local time and its distance
///   from UTC: "2024-02-29 14:05:00+01:00"
/// - duration: "1 day, 0:00:05" as `datetime.timedelta`; of nanoseconds "1 days 00:00:05" as
///   `pandas.Timedelta`
package enum ArrowTimeText {
    /// Days, or milliseconds of whole days, since 1970.
    case date(isDays: Bool)
    /// Since midnight.
    case time(TimeUnit)
    /// Since 1970 in UTC, or, without a zone, in whatever place is meant.
    case timestamp(TimeUnit, ArrowZone?)
    case duration(TimeUnit)

    /// What a value is expected to be, in words.
    var meaning: String {
        switch self {
        case .date: "date"
        case .time: "time of a day"
        case .timestamp: "time"
        case .duration: "duration"
        }
    }

    /// The text of a value; `nil` where there is none.
    package func of(_ value: Int64) -> String? {
        switch self {
        case .date(let isDays):
            if isDays { return CalendarText.date(value) }
            let (days, _) = CalendarText.floorDivision(value, 1000 * CalendarText.secondsPerDay)
            return CalendarText.date(days)
        case .time(let unit): return CalendarText.time(value, unit)
        case .timestamp(let unit, let zone):
            let (seconds, nanoseconds) = CalendarText.split(value, unit)
            let offset = zone?.offset(at: seconds)
            let zoned = offset.map(ArrowZone.text) ?? ""
            return CalendarText.timestamp(seconds, nanoseconds, offset: offset ?? 0) + zoned
        case .duration(let unit): return Self.duration(value, unit)
        }
    }

    private static func duration(_ value: Int64, _ unit: TimeUnit) -> String? {
        let (seconds, nanoseconds) = CalendarText.split(value, unit)
        let (days, rest) = CalendarText.floorDivision(seconds, CalendarText.secondsPerDay)
        if unit == .nanoseconds {
            let sign = days < 0 ? "+" : ""
            return "\(days) days \(sign)" + CalendarText.time(rest, nanoseconds)
        }
        guard days.magnitude < 1_000_000_000 else { return nil }
        let text = "\(rest / 3600)" + CalendarText.minutes(rest, nanoseconds)
        return days == 0 ? text : "\(days) day\(days.magnitude == 1 ? "" : "s"), " + text
    }
}
