import Configuration
import Foundation
import TestSupport

/// Texts that transformers' `generate` finds, with the settings of each.
struct SearchReference: Decodable {
    struct Case: Decodable {
        let model: String
        let settings: Settings
        let prompt: [Int32]
        let ids: [Int32]

        /// The new ids without the one that ended them.
        var text: [Int32] {
            ids.last.map(settings.ends.contains) == true ? ids.dropLast() : ids
        }
    }

    struct Settings: Decodable {
        let beams: Int
        let lengthPenalty: Double?
        let earlyStopping: Stopping?
        let repetitionPenalty: Double
        let ends: [Int32]

        enum CodingKeys: String, CodingKey {
            case beams = "num_beams"
            case lengthPenalty = "length_penalty"
            case earlyStopping = "early_stopping"
            case repetitionPenalty = "repetition_penalty"
            case ends = "eos_token_id"
        }

        var sampling: SamplingSettings {
            var settings = SamplingSettings.greedy
            settings.repetitionPenalty = repetitionPenalty
            settings.beams.count = beams
            settings.beams.lengthPenalty = lengthPenalty ?? 1
            settings.beams.earlyStopping = earlyStopping?.value ?? .guess
            return settings
        }
    }

    struct Stopping: Decodable {
        let value: BeamSettings.EarlyStopping

        init(from decoder: any Swift.Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let stops = try? container.decode(Bool.self) {
                value = stops ? .always : .guess
            } else {
                value = try container.decode(String.self) == "never" ? .never : .guess
            }
        }
    }

    let count: Int
    let cases: [Case]

    enum CodingKeys: String, CodingKey {
        case cases
        case count = "max_new_tokens"
    }

    /// - Parameter path: below Tests/References.
    static func read(_ path: String) throws -> SearchReference {
        try JSONDecoder().decode(
            SearchReference.self,
            from: Data(contentsOf: References.folder.appendingPathComponent(path)))
    }
}
