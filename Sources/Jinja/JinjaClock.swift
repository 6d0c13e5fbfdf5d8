/// What `strftime_now` says it is.
package struct JinjaClock: Sendable, Equatable {
    package var year: Int
    /// 1 to 12.
    package var month: Int
    package var day: Int
    /// Hours, minutes and seconds; `nil` where only the date is to be told.
    package var time: Time?

    package struct Time: Sendable, Equatable {
        package var hour: Int
        package var minute: Int
        package var second: Int

        package init(hour: Int, minute: Int, second: Int) {
            self.hour = hour
            self.minute = minute
            self.second = second
        }
    }

    /// A directive of `strftime` that is not known, or asks for a time that is not told.
    struct UnknownDirective: Error {
        let directive: String
    }

    package init(year: Int, month: Int, day: Int, time: Time? = nil) {
        self.year = year
        self.month = month
        self.day = day
        self.time = time
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
    private static let weekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    /// Days since Sunday. Sakamoto's method.
    private var weekday: Int {
        let offsets = [0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4]
        let year = month < 3 ? year - 1 : year
        return (year + year / 4 - year / 100 + year / 400 + offsets[place(month - 1, 12)] + day) % 7
    }

    private var dayOfYear: Int {
        let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334]
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        return before[place(month - 1, 12)] + day + (isLeap && month > 2 ? 1 : 0)
    }

    private func place(_ index: Int, _ count: Int) -> Int { min(max(index, 0), count - 1) }

    /// The date as a format of `strftime` writes it, with English names.
    func text(_ format: String) throws(UnknownDirective) -> String {
        var text = ""
        var scalars = format.unicodeScalars[...]
        while let scalar = scalars.popFirst() {
            guard scalar == "%" else {
                text.unicodeScalars.append(scalar)
                continue
            }
            var directive = "%"
            var isPadded = true
            if scalars.first == "-" {
                scalars.removeFirst()
                directive += "-"
                isPadded = false
            }
            guard let letter = scalars.popFirst() else {
                throw UnknownDirective(directive: directive)
            }
            directive.unicodeScalars.append(letter)
            text += try value(letter, isPadded: isPadded, directive)
        }
        return text
    }

    private func value(
        _ letter: Unicode.Scalar, isPadded: Bool, _ directive: String
    ) throws(UnknownDirective) -> String {
        func number(_ value: Int, _ width: Int = 2, fill: String = "0") -> String {
            let digits = String(value)
            guard isPadded else { return digits }
            return String(repeating: fill, count: max(0, width - digits.count)) + digits
        }
        let month = Self.months[place(month - 1, 12)]
        let weekday = Self.weekdays[place(weekday, 7)]
        switch letter {
        case "Y": return String(year)
        case "y": return number(year % 100)
        case "m": return number(self.month)
        case "d": return number(day)
        case "e": return number(day, fill: " ")
        case "j": return number(dayOfYear, 3)
        case "B": return month
        case "b", "h": return String(month.prefix(3))
        case "A": return weekday
        case "a": return String(weekday.prefix(3))
        case "F": return "\(year)-\(number(self.month))-\(number(day))"
        case "D": return "\(number(self.month))/\(number(day))/\(number(year % 100))"
        case "%" where isPadded: return "%"
        default: break
        }
        guard let time else { throw UnknownDirective(directive: directive) }
        switch letter {
        case "H": return number(time.hour)
        case "I": return number((time.hour + 11) % 12 + 1)
        case "M": return number(time.minute)
        case "S": return number(time.second)
        case "p": return time.hour < 12 ? "AM" : "PM"
        case "T": return "\(number(time.hour)):\(number(time.minute)):\(number(time.second))"
        case "R": return "\(number(time.hour)):\(number(time.minute))"
        default: throw UnknownDirective(directive: directive)
        }
    }
}
