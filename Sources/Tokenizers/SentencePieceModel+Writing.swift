/// SentencePiece's rules for what is done to a text before it is cut, by its names.
package enum SentencePieceNormalization: String, Sendable, CaseIterable {
    /// Nothing but what is done to blanks.
    case identity
    /// NFKC, controls go, white space becomes blanks.
    case nmtNFKC = "nmt_nfkc"

    /// The table of replacements that models hold; empty where nothing is replaced.
    package func table() -> [UInt8] { self == .identity ? [] : ReplacementTable.nmtNFKC }

    /// What is done to a text that pieces are learned from, blanks included.
    ///
    /// - Parameter table: that of this rule
    package func normalizer(_ table: [UInt8]) -> TextNormalizer {
        let map = PrecompiledMap(table: table)
        return TextNormalizer(
            steps: (map.map { [.precompiled($0)] } ?? [])
                + SentencePieceModel.spaceSteps(removesExtra: true, addsPrefix: true))
    }
}

extension SentencePieceModel {
    /// A model whose pieces were learned here.
    ///
    /// - Parameters:
    ///   - pieces: with their scores, in the order of their ids
    ///   - modelType: 1 Unigram, 2 BPE
    ///   - unknown: the id of the piece for what is unknown; the others have none without
    ///   - normalization: the rule, with its table
    ///   - coverage: the share of all characters that are pieces
    package init(
        pieces: [Piece], modelType: UInt64, fallsBackToBytes: Bool, unknown: Int,
        beginOfText: Int?, endOfText: Int?, padding: Int?,
        normalization: (rule: SentencePieceNormalization, table: [UInt8]), coverage: Double
    ) {
        file = "tokenizer.model"
        self.pieces = pieces
        self.modelType = modelType
        self.fallsBackToBytes = fallsBackToBytes
        self.unknown = unknown
        self.beginOfText = beginOfText
        self.endOfText = endOfText
        self.padding = padding
        charsmap = normalization.table
        var trainer = ProtobufWriter()
        trainer.add(3, Int(modelType))
        trainer.add(4, pieces.count)
        trainer.add(10, Float(coverage))
        trainer.add(35, fallsBackToBytes)
        trainer.add(40, unknown)
        for (field, id) in [(41, beginOfText), (42, endOfText), (43, padding)] {
            trainer.add(field, id ?? -1)
        }
        // What these are called where it is not the standard name.
        let names = [
            (45, unknown, "<unk>"), (46, beginOfText, "<s>"), (47, endOfText, "</s>"),
            (48, padding, "<pad>"),
        ]
        for (field, id, standard) in names {
            if let id, pieces[id].text != standard { trainer.add(field, pieces[id].text.utf8) }
        }
        var normalizer = ProtobufWriter()
        normalizer.add(1, normalization.rule.rawValue.utf8)
        normalizer.add(2, normalization.table)
        for field in 3...5 { normalizer.add(field, true) }
        var model = ProtobufWriter()
        for piece in pieces {
            var message = ProtobufWriter()
            message.add(1, piece.text.utf8)
            message.add(2, piece.score)
            message.add(3, Int(piece.type))
            model.add(1, message.bytes)
        }
        model.add(2, trainer.bytes)
        model.add(3, normalizer.bytes)
        fileBytes = model.bytes
    }

    /// The tokenizer of a model that was learned here; its folder holds the model too.
    ///
    /// - Throws: ``TokenizerError`` for pieces that cannot be.
    package func tokenizer() throws(TokenizerError) -> TokenizerPipeline {
        let made = try definition()
        return TokenizerPipeline(
            made.definition, names: made.names, furtherFiles: [file: fileBytes])
    }
}
