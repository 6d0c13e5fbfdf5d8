/// A date that Arrow takes for a timestamp in seconds: `2023-01-15`, with a time `10`, `10:30` or `10:30:05`
/// behind a space or a T, and behind that a zone (Z, +01, +0100, +01:00).
struct Timestamp {
    private let day: Int  // from 0000-03-01 on
    private let seconds: Int

    /// As Python's `str(datetime)` writes it, in UTC.
    var text: String {
        // Civil days: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let era = (day >= 0 ? day : day - 146_096) / 146_097
        let dayOfEra = day - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func digits(_ number: Int, _ count: Int = 2) -> String {
            let text = String(number)
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let date = [
            digits(year, 4), digits(month), digits(dayOfYear - (153 * shifted + 2) / 5 + 1),
        ]
        let time = [digits(seconds / 3600), digits(seconds / 60 % 60), digits(seconds % 60)]
        return date.joined(separator: "-") + " " + time.joined(separator: ":")
    }

    /// - Returns: `nil` for what is none.
    init?(_ text: String) {
        var rest = Array(text.utf8)[...]
        func number(_ count: Int) -> Int? {
            let digits = rest.prefix(count)
            guard digits.count == count, digits.allSatisfy({ (48...57).contains($0) }) else {
                return nil
            }
            rest = rest.dropFirst(count)
            return digits.reduce(0) { $0 * 10 + Int($1) - 48 }
        }
        func take(_ letter: Unicode.Scalar) -> Bool {
            guard rest.first == UInt8(ascii: letter) else { return false }
            rest.removeFirst()
            return true
        }
        guard let year = number(4), take("-"), let month = number(2), take("-"),
            let dayOfMonth = number(2), year > 0, (1...12).contains(month),
            (1...Self.days(of: month, year)).contains(dayOfMonth)
        else { return nil }
        var seconds = 0
        if !rest.isEmpty {
            guard take(" ") || take("T"), let hour = number(2), hour < 24 else { return nil }
            seconds = hour * 3600
            if take(":") {
                guard let minute = number(2), minute < 60 else { return nil }
                seconds += minute * 60
                if take(":") {
                    guard let second = number(2), second < 60 else { return nil }
                    seconds += second
                }
            }
            if !rest.isEmpty, !take("Z") {
                let isEast = take("+")
                guard isEast || take("-"), let hours = number(2), hours < 24 else { return nil }
                var minutes = 0
                if !rest.isEmpty {
                    _ = take(":")
                    guard let number = number(2), number < 60 else { return nil }
                    minutes = number
                }
                seconds -= (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
            }
            guard rest.isEmpty else { return nil }
        }
        let shift = seconds < 0 ? -1 : seconds / 86_400
        day = Self.day(year, month, dayOfMonth) + shift
        self.seconds = seconds - shift * 86_400
    }

    private static func days(of month: Int, _ year: Int) -> Int {
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    private static func day(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return 365 * year + year / 4 - year / 100 + year / 400 + dayOfYear
    }
}
