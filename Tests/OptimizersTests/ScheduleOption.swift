import Configuration

/// A value of lr_scheduler_kwargs in a reference.
enum ScheduleOption: Decodable {
    case number(Double)
    case word(String)

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .word(try container.decode(String.self))
        }
    }

    var value: ConfigurationValue {
        switch self {
        case .number(let number):
            ConfigurationValue(Int(exactly: number).map { .int($0) } ?? .double(number))
        case .word(let word): ConfigurationValue(.string(word))
        }
    }
}
