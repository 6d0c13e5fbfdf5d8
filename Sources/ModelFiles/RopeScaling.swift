package import Configuration
import Files
package import Models

/// `rope_scaling`: rotary positions stretched so that a model takes longer samples.
///
/// As LLaMA-Factory does it (model_utils/rope.py): by the smallest whole factor that makes room for
/// cutoff_len, which it writes into config.json.
package struct RopeScaling: Sendable, Equatable {
    package let kind: RopeScalingKind
    /// Positions that are wanted (`cutoff_len`).
    package let length: Int

    package init(_ kind: RopeScalingKind, length: Int) {
        self.kind = kind
        self.length = length
    }

    /// The text of config.json with the scaling; unchanged where the model has room as it is.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for a model without rotary positions or with a scaling
    ///   of its own.
    package func applied(to text: String) throws(ModelFileError) -> String {
        guard case .object(var members)? = try? JSONValueReader.read(text) else { return text }
        let configuration = JSONValue.object(members)
        guard let positions = configuration["max_position_embeddings"]?.integer, positions > 0
        else {
            throw .user(
                "rope_scaling: \(kind.rawValue) needs a model with max_position_embeddings in its "
                    + "config.json; leave rope_scaling out")
        }
        guard length > positions else { return text }
        let parameters = configuration["rope_parameters"]
        let given = parameters ?? configuration["rope_scaling"]
        let type = given?["rope_type"]?.string ?? given?["type"]?.string ?? "default"
        guard type == "default",
            parameters?.members?.allSatisfy({ $0.value.members == nil }) ?? true
        else {
            throw .user(
                "rope_scaling: the model's config.json has rotary positions of its own kind "
                    + "(\(type)) already; leave rope_scaling out, or set them there")
        }
        let factor = (length - 1) / positions + 1
        var scaling = (parameters?.members ?? []).filter { $0.key != "rope_type" }
        scaling.append((key: "rope_type", value: .string(kind.rawValue)))
        scaling.append((key: "factor", value: .double(Double(factor))))
        if kind != .linear {
            scaling.append((key: "original_max_position_embeddings", value: .int(positions)))
        }
        if kind == .llama3 {
            scaling.append((key: "low_freq_factor", value: .double(1)))
            scaling.append((key: "high_freq_factor", value: .double(4)))
        }
        let (total, overflows) = positions.multipliedReportingOverflow(by: factor)
        guard !overflows else { throw .user("rope_scaling: cutoff_len \(length) is too long") }
        Self.set("max_position_embeddings", .int(total), in: &members)
        members.removeAll { $0.key == "rope_scaling" }
        Self.set(
            parameters == nil ? "rope_scaling" : "rope_parameters", .object(scaling), in: &members)
        return JSONValue.object(members).text()
    }

    /// A line for the user on what becomes of a config.json.
    package func note(on text: String) throws(ModelFileError) -> String? {
        func positions(_ text: String) -> Int? {
            (try? JSONValueReader.read(text))?["max_position_embeddings"]?.integer
        }
        guard let own = positions(text), let scaled = positions(try applied(to: text)) else {
            return nil
        }
        guard scaled > own else {
            return "rope_scaling: \(kind.rawValue) changes nothing, since the model has \(own) "
                + "positions and cutoff_len is \(length)"
        }
        return "rope_scaling: \(kind.rawValue) by a factor of \(scaled / own): the model's \(own) "
            + "positions became \(scaled), for cutoff_len \(length)"
    }

    private static func set(_ key: String, _ value: JSONValue, in members: inout [JSONValue.Member])
    {
        if let place = members.lastIndex(where: { $0.key == key }) {
            members[place].value = value
        } else {
            members.append((key: key, value: value))
        }
    }
}

extension RunConfiguration {
    /// The scaling of rotary positions that the configuration asks for.
    package var ropeScaling: RopeScaling? {
        model.ropeScaling.map { RopeScaling($0, length: data.cutoffLen) }
    }
}

extension ModelSource {
    /// A line for the user on what a configuration's `rope_scaling` does to the model; `nil` without one.
    package func scalingNote(
        _ configuration: RunConfiguration
    ) throws(ModelFileError) -> String? {
        try configuration.ropeScaling?.note(on: self.configuration())
    }

    /// The model as a configuration wants it, without memory yet.
    package func model(
        for configuration: RunConfiguration, _ growth: VocabularyGrowth? = nil,
        _ purpose: ModelPurpose = .language
    ) throws(ModelFileError) -> any LanguageModel {
        try model(
            weighted: !configuration.model.trainFromScratch, scaling: configuration.ropeScaling,
            vocabulary: growth?.rows, for: purpose)
    }
}
