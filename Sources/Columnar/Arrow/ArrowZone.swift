package import Foundation

/// The time zone of a column: a fixed distance from UTC, or a name of the tz database.
package enum ArrowZone {
    case fixed(seconds: Int64)
    case named(TimeZone)

    /// - Parameters:
    ///   - name: "+05:30", "-01:00", "UTC" or "Europe/Berlin".
    ///   - column: for messages.
    /// - Returns: `nil` for an empty name, which is no zone.
    /// - Throws: ``ArrowProblem/unsupported(found:advice:)`` for a zone that is not known.
    package init?(_ name: String, column: String) throws(ArrowProblem) {
        if name.isEmpty { return nil }
        if let seconds = Self.fixedOffset(name) {
            self = .fixed(seconds: seconds)
        } else if ["UTC", "GMT"].contains(name.uppercased()) {
            self = .fixed(seconds: 0)
        } else if let zone = TimeZone(identifier: name) {
            self = .named(zone)
        } else {
            throw .unsupported(
                found: "column \(column): the unknown time zone \(name)",
                advice: "cast the column to timestamp('us', 'UTC') before the table is written")
        }
    }

    /// Seconds that local time is before UTC.
    ///
    /// - Parameter seconds: since 1970 in UTC.
    func offset(at seconds: Int64) -> Int64 {
        switch self {
        case .fixed(let offset): offset
        case .named(let zone):
            Int64(zone.secondsFromGMT(for: Date(timeIntervalSince1970: Double(seconds))))
        }
    }

    /// "+01:00"; with seconds where they are not zero.
    static func text(_ offset: Int64) -> String {
        let seconds = abs(offset)
        let parts = [seconds / 3600, seconds / 60 % 60] + (seconds % 60 == 0 ? [] : [seconds % 60])
        return (offset < 0 ? "-" : "+")
            + parts.map { $0 < 10 ? "0\($0)" : "\($0)" }.joined(separator: ":")
    }

    /// "+HH:MM".
    private static func fixedOffset(_ name: String) -> Int64? {
        let letters = Array(name.utf8)
        guard letters.count == 6, letters[0] == 0x2B || letters[0] == 0x2D, letters[3] == 0x3A
        else { return nil }
        let digits = [1, 2, 4, 5].map { Int64(letters[$0]) - 0x30 }
        guard digits.allSatisfy({ (0..<10).contains($0) }) else { return nil }
        let (hours, minutes) = (10 * digits[0] + digits[1], 10 * digits[2] + digits[3])
        guard hours < 24, minutes < 60 else { return nil }
        return (letters[0] == 0x2D ? -60 : 60) * (60 * hours + minutes)
    }
}
