import Foundation

/// Numbers and times as reports show them.
enum ReportText {
    /// Whole seconds as Python's timedelta prints them: `0:01:05`, `1 day, 2:03:04`.
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e12 else { return "?" }
        let whole = Int(max(0, seconds))
        let days = whole / 86400
        let clock =
            "\(whole / 3600 % 24):" + twoDigits(whole / 60 % 60) + ":" + twoDigits(whole % 60)
        switch days {
        case 0: return clock
        case 1: return "1 day, " + clock
        default: return "\(days) days, " + clock
        }
    }

    private static func twoDigits(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }

    /// `value` rounded to `places` decimals.
    static func rounded(_ value: Double, _ places: Int) -> Double {
        let scale = pow(10, Double(places))
        let scaled = value * scale
        guard scaled.isFinite, abs(scaled) < 1e15 else { return value }
        return scaled.rounded() / scale
    }

    /// `value` with exactly `places` decimals.
    static func fixed(_ value: Double, _ places: Int) -> String {
        guard value.isFinite else { return value.isNaN ? "nan" : value > 0 ? "inf" : "-inf" }
        return String(format: "%.\(places)f", value)
    }

    /// A learning rate or norm in four digits, such as `4.17e-05` or `1.312`.
    static func short(_ value: Double) -> String {
        value.isNaN ? "nan" : String(format: "%.4g", value)
    }

    /// A count with a letter for its magnitude: `950`, `12.3k`, `4.56M`.
    static func count(_ value: Double) -> String {
        switch abs(value) {
        case ..<1000: fixed(value, 0)
        case ..<100_000: fixed(value / 1000, 1) + "k"
        case ..<1_000_000: fixed(value / 1000, 0) + "k"
        case ..<1e9: fixed(value / 1e6, 2) + "M"
        default: fixed(value / 1e9, 2) + "G"
        }
    }

    /// Bytes as mebibytes or gibibytes.
    static func memory(_ bytes: Int) -> String {
        let mebibytes = Double(bytes) / 1_048_576
        return mebibytes < 1024
            ? fixed(mebibytes, 0) + " MiB" : fixed(mebibytes / 1024, 2) + " GiB"
    }
}
