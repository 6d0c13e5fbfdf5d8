import Autograd
package import Configuration
import Files
package import Finetuning
import Kernels
package import Models
import Tokenizers

/// How a model's embedding and head grow with its tokenizer, as LLaMA-Factory's `resize_vocab` does it
/// (model_utils/embedding.py): to a multiple of 64 rows; new ones are the mean of the others plus
/// noise of deviation 1/√C, or, of tokens with a description, the mean of the embedding's rows of its
/// tokens. The noise is drawn from the run's seed, so it is not PyTorch's. The head's bias has no noise,
/// as in transformers' `resize_token_embeddings`.
package struct VocabularyGrowth {
    private static let multiple = 64

    /// The rows that a model with `own` rows gets for `tokens`.
    package static func rows(forTokens tokens: Int, own: Int) -> Int {
        tokens > own ? (tokens + multiple - 1) / multiple * multiple : own
    }

    /// Rows of the embedding and the head; `nil` where those of the model's files are enough.
    package let rows: Int?
    /// Whether the run asks for it; else an adapter brings its own rows.
    package let isAsked: Bool
    /// The tokens that the run adds.
    private let tokens: [String]
    private let ownRows: Int
    /// Whether the model's head is its embedding.
    private let isTied: Bool
    /// Rows of the model's files that belonged to no token.
    private let renewed: Set<Int>
    /// What the model's files have of that which grows: extents by the parameter's name.
    private let extents: [String: [Int]]
    private let seed: UInt64
    private let descriptions: TokenDescriptions

    /// What a run asks for and the adapters need; `nil` where that is nothing.
    ///
    /// - Parameters:
    ///   - configuration: `nil` where only the adapters count.
    ///   - purpose: which head the model has; parameters' names depend on it.
    /// - Throws: ``ModelFileError/user(_:)`` for a model that cannot grow.
    package static func of(
        _ source: ModelSource, _ configuration: RunConfiguration?, _ adapters: [AdapterFolder],
        for purpose: ModelPurpose = .language
    ) throws(ModelFileError) -> VocabularyGrowth? {
        let asking = configuration.flatMap { $0.model.mayGrowVocabulary ? $0 : nil }
        guard asking != nil || !adapters.isEmpty else { return nil }
        let growth = try VocabularyGrowth(source, configuration, asking, adapters, purpose)
        return growth.isAsked || growth.rows != nil ? growth : nil
    }

    private init(
        _ source: ModelSource, _ configuration: RunConfiguration?, _ asking: RunConfiguration?,
        _ adapters: [AdapterFolder], _ purpose: ModelPurpose
    ) throws(ModelFileError) {
        func model(_ rows: Int?) throws(ModelFileError) -> any LanguageModel {
            try source.model(
                weighted: configuration.map { !$0.model.trainFromScratch } ?? true,
                scaling: configuration?.ropeScaling, vocabulary: rows, for: purpose)
        }
        let own = try model(nil)
        isTied = own.isTied
        ownRows = own.description.vocabularySize
        seed = UInt64(configuration?.train.seed ?? 0)
        var rows = ownRows
        if let asking {
            let text = try RunTokenizer(asking)
            let tokenizer = try text.tokenizer()
            isAsked = asking.model.resizeVocab || !text.added.isEmpty
            tokens = text.added
            renewed = Set(tokens.compactMap { tokenizer.id(of: $0).map(Int.init) })
            descriptions = TokenDescriptions(
                asking.model, of: tokens, tokenizer, rowsInFiles: ownRows)
            if isAsked {
                rows = Self.rows(forTokens: tokenizer.vocabularySize, own: ownRows)
            }
        } else {
            (isAsked, tokens, renewed) = (false, [], [])
            descriptions = TokenDescriptions()
        }
        do throws(FinetuningError) {
            for adapter in adapters {
                rows = max(rows, try adapter.vocabularyRows(beyond: own) ?? 0)
            }
        } catch {
            throw .finetuning(error)
        }
        self.rows = rows > ownRows ? rows : nil
        guard rows > ownRows || !renewed.isEmpty else {
            extents = [:]
            return
        }
        if case .gguf(let file) = source {
            throw .user(
                "\(file.paths.first ?? ""): a GGUF file's vocabulary cannot grow; give the model as "
                    + "a Hugging Face folder")
        }
        extents = Self.changedExtents(own, try model(max(rows, ownRows + Self.multiple)))
    }

    /// The extents of what another number of rows changes, by name.
    private static func changedExtents(
        _ own: any LanguageModel, _ other: any LanguageModel
    ) -> [String: [Int]] {
        var extents: [String: [Int]] = [:]
        for (parameter, changed) in zip(own.parameters, other.parameters)
        where parameter.shape != changed.shape {
            extents[parameter.name] = parameter.shape.extents
        }
        return extents
    }

    /// The extents of a parameter in the model's files.
    func extentsInFiles(of parameter: Parameter) -> [Int] {
        extents[parameter.name] ?? parameter.shape.extents
    }

    /// A parameter's numbers, from those in the model's files.
    func numbers(
        _ own: [Float], of parameter: Parameter, in workspace: Workspace
    ) -> [Float] {
        guard extents[parameter.name] != nil else { return own }
        let new = renewed.filter { $0 < ownRows }
        let rows = new.sorted() + Array(ownRows..<parameter.shape.extents[0])
        // A bias has one number for each token.
        let width = own.count / max(1, ownRows)
        let isBias = parameter.shape.extents.count == 1
        var mean = [Float](repeating: 0, count: width)
        if !isBias || !isTied { mean = self.mean(of: own, width: width, without: new) }
        let begun =
            isBias
            ? Dictionary(uniqueKeysWithValues: rows.map { ($0, mean) })
            : firstRows(rows, own, of: parameter, mean: mean, in: workspace)
        var numbers = own
        numbers.reserveCapacity(parameter.count)
        for row in rows {
            let first = begun[row] ?? mean
            if row < ownRows {
                numbers.replaceSubrange(row * width..<(row + 1) * width, with: first)
            } else {
                numbers += first
            }
        }
        return numbers
    }

    /// The mean of the files' rows, but for those that begin anew.
    private func mean(of own: [Float], width: Int, without new: Set<Int>) -> [Float] {
        var sums = [Double](repeating: 0, count: width)
        for row in 0..<ownRows where !new.contains(row) {
            for column in 0..<width { sums[column] += Double(own[row &* width &+ column]) }
        }
        return sums.map { Float($0 / Double(max(1, ownRows - new.count))) }
    }

    /// What new rows of a table begin with, by their number: their description or `mean`, with noise.
    private func firstRows(
        _ rows: [Int], _ own: [Float], of parameter: Parameter, mean: [Float],
        in workspace: Workspace
    ) -> [Int: [Float]] {
        let width = mean.count
        let described = descriptions.rows(own, of: parameter, mean: mean)
        let key = RandomStream.key(seed: seed, name: parameter.name + " of new tokens")
        let noise = workspace.buffer(width, .float32)
        var found: [Int: [Float]] = [:]
        for row in rows {
            var first = described[row] ?? mean
            if described[row] == nil || descriptions.addsNoise {
                workspace.fillNormal(
                    noise, count: width, deviation: 1 / Float(width).squareRoot(), key: key,
                    from: row * width)
                first = zip(first, workspace.numbers(noise, count: width)).map { $0 + $1 }
            }
            found[row] = first
        }
        return found
    }

    /// Throws where new rows would be lost: an adapter's file has to hold them.
    package func check(
        _ method: any FinetuningMethod, of model: any LanguageModel
    ) throws(ModelFileError) {
        guard !tokens.isEmpty, !method.adapterParameters.isEmpty,
            let lost = model.parameters.first(where: {
                extents[$0.name] != nil && !$0.isTrainable
            })
        else { return }
        guard method is LoRA || method is LinearMethod else {
            throw .user(
                "finetuning_type: \(method.name) keeps no rows of new tokens "
                    + "(\(tokens.joined(separator: ", "))); use lora, oft, boft, ia3 or full")
        }
        // modules_to_save have whole modules, and none has the head's bias without the rest of the head.
        guard lost !== model.headBias else {
            throw .user(
                "finetuning_type: \(method.name) keeps no rows of new tokens "
                    + "(\(tokens.joined(separator: ", "))) in \(lost.name); use full")
        }
        throw .user(
            "\(lost.name) gets rows for new tokens (\(tokens.joined(separator: ", "))), which the "
                + "adapter would not hold; leave additional_target out, or name "
                + model.vocabularyModules.joined(separator: " and ") + " in it")
    }

    /// What new rows begin with, besides the model's files and the seed.
    var settings: String {
        "\(rows ?? ownRows) rows, new ones \(renewed.sorted()) \(descriptions.settings)"
    }

    /// A line for the user.
    package var note: String? {
        let sizes =
            rows.map { "embedding and head grow from \(ownRows) to \($0) rows" }
            ?? "embedding and head keep their \(ownRows) rows"
        guard isAsked else { return rows == nil ? nil : "\(sizes), which the adapter brings along" }
        guard !tokens.isEmpty else {
            return "resize_vocab: the tokenizer has its tokens, \(sizes)"
        }
        return "added to the tokenizer: \(tokens.joined(separator: ", ")); \(sizes), "
            + (descriptions.note ?? "new tokens begin at the mean of the others plus noise")
    }
}

extension ModelSource {
    /// The text of config.json with another number of rows, under the names that it has for it.
    package static func configuration(_ text: String, vocabulary rows: Int) -> String {
        guard let value = try? JSONValueReader.read(text), var members = value.members else {
            return text
        }
        let names = ["vocab_size", "padded_vocab_size"]
        func set(_ members: inout [JSONValue.Member]) -> Bool {
            var isSet = false
            for place in members.indices where names.contains(members[place].key) {
                members[place].value = .int(rows)
                isSet = true
            }
            return isSet
        }
        // Baichuan 2 may be told by its number of rows alone.
        let isBaichuan2 = members.contains { $0.key == names[0] && $0.value.integer == 125_696 }
        if isBaichuan2, value["model_type"]?.string == "baichuan", value["z_loss_weight"] == nil {
            members.append((key: "z_loss_weight", value: .int(0)))
        }
        var isSet = set(&members)
        if let place = members.lastIndex(where: { $0.key == "text_config" }),
            var inner = members[place].value.members
        {
            if !set(&inner) { inner.append((key: names[0], value: .int(rows))) }
            members[place].value = .object(inner)
            isSet = true
        }
        if !isSet { members.append((key: names[0], value: .int(rows))) }
        return JSONValue.object(members).text(indent: 2) + "\n"
    }
}
