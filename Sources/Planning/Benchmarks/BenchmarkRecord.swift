import Files
import Foundation
package import Training

/// A line of what `scripts/benchmark.sh` measured: one JSON object, told apart by `kind`.
package enum BenchmarkRecord: Sendable, Decodable {
    case fact(BenchmarkFact)
    case row(BenchmarkRow)
    case target(BenchmarkTarget)
    case run(BenchmarkRun)
    case note(BenchmarkNote)

    private enum Kind: String, Decodable {
        case fact, row, target, run, note
    }

    private enum Keys: String, CodingKey {
        case kind
    }

    package init(from decoder: any Decoder) throws {
        switch try decoder.container(keyedBy: Keys.self).decode(Kind.self, forKey: .kind) {
        case .fact: self = .fact(try BenchmarkFact(from: decoder))
        case .row: self = .row(try BenchmarkRow(from: decoder))
        case .target: self = .target(try BenchmarkTarget(from: decoder))
        case .run: self = .run(try BenchmarkRun(from: decoder))
        case .note: self = .note(try BenchmarkNote(from: decoder))
        }
    }

    /// The records of a file, a line each; empty lines count for nothing.
    ///
    /// - Throws: ``TrainingError/user(_:)`` for a file that cannot be read and for a line that is no
    ///   record, with its number.
    package static func read(_ path: String) throws(TrainingError) -> [BenchmarkRecord] {
        guard let data = RegularFile.contents(path) else {
            throw .user("\(path) cannot be read")
        }
        var records: [BenchmarkRecord] = []
        let lines = data.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() where !line.isEmpty {
            guard let record = try? JSONDecoder().decode(BenchmarkRecord.self, from: line) else {
                throw .user(
                    "\(path), line \(index + 1): found "
                        + "'\(String(decoding: line.prefix(60), as: UTF8.self))', expected a JSON "
                        + "object of kind fact, row, target, run or note; run "
                        + "scripts/benchmark.sh again")
            }
            records.append(record)
        }
        return records
    }
}

/// Something about the machine or its software.
package struct BenchmarkFact: Sendable, Codable, Equatable {
    package var name: String
    package var value: String
}

/// A kind of work that is measured, by Lockstep and by what it is compared with in turn.
package struct BenchmarkRow: Sendable, Codable, Equatable {
    package var row: String
    /// Its place in the table.
    package var order: Int
    package var title: String
    /// When it was measured, and with which commit.
    package var date: String
    package var commit: String
}

/// A figure of a row, and the bound it has to keep.
package struct BenchmarkTarget: Sendable, Codable, Equatable {
    /// How a figure is written.
    package enum Format: String, Sendable, Codable {
        case rate, bytes, seconds, share, bandwidth
    }

    package var row: String
    package var name: String
    /// The member of the runs' results.
    package var quantity: String
    package var format: Format
    /// The side it is a figure of.
    package var side: String
    /// The side it is divided by, pair by pair; the bound then holds for the ratio, if not told
    /// otherwise.
    package var against: String?
    /// Factor on the ratio, such as ½ where two ranks are divided by one.
    package var scale: Double?
    /// Whether the bound holds for the side's own figure although another side stands beside it.
    package var judgesValue: Bool?
    package var atLeast: Double?
    package var atMost: Double?

    /// Whether the bound holds for a ratio.
    var judgesRatio: Bool { against != nil && judgesValue != true }
}

/// What one side of a row did in one turn.
package struct BenchmarkRun: Sendable, Decodable, Equatable {
    package var row: String
    package var side: String
    /// What the table calls the side.
    package var name: String
    package var pair: Int
    /// The numbers of its result; all else in it is left out.
    package var numbers: [String: Double]

    private enum Keys: String, CodingKey {
        case row, side, name, pair, result
    }

    /// Any key of a result.
    private struct Key: CodingKey {
        var stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    package init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: Keys.self)
        row = try members.decode(String.self, forKey: .row)
        side = try members.decode(String.self, forKey: .side)
        name = try members.decode(String.self, forKey: .name)
        pair = try members.decode(Int.self, forKey: .pair)
        let result = try members.nestedContainer(keyedBy: Key.self, forKey: .result)
        numbers = [:]
        for key in result.allKeys {
            // Members of other types, such as a breakdown, are for readers of the file itself.
            guard let number = try? result.decode(Double.self, forKey: key) else { continue }
            numbers[key.stringValue] = number
        }
    }
}

/// Something that a reader of the table has to know, about a row or about all.
package struct BenchmarkNote: Sendable, Codable, Equatable {
    package var row: String?
    package var text: String
}
