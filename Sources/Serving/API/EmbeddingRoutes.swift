import Files
import Foundation

/// `POST /v1/embeddings`
package struct EmbeddingRoutes: RouteGroup {
    private let models: ServedModels

    package init(_ models: ServedModels) { self.models = models }

    package var routes: [Route] {
        [
            Route(.post, "/v1/embeddings", endsWithClient: true, about: Self.about) {
                [models] request throws(ServerProblem) in
                try await Self.answer(request, models)
            }
        ]
    }

    private static func answer(
        _ request: ServerRequest, _ models: ServedModels
    ) async throws(ServerProblem) -> ServerAnswer {
        let fields = try RequestFields(request)
        let model: any VectorMaking = try models.entry(
            named: try fields.text("model"), "makes vectors")
        let format = try fields.text("encoding_format") ?? "float"
        guard format == "float" || format == "base64" else {
            throw .invalid(
                "encoding_format: found '\(format)', expected float or base64",
                param: "encoding_format")
        }
        let cuts = try fields.boolean("truncate") ?? false
        let width = try fields.integer("dimensions", 1...Int.max)
        let inputs = try inputs(fields)
        try fields.refuseUnused(["user": .always])
        let (vectors, tokens) = try await model.vectors(of: inputs, cuts: cuts)
        if let width, let own = vectors.first?.count, width != own {
            throw .invalid(
                "dimensions: found \(width), expected \(own): vectors are given as the model makes "
                    + "them", param: "dimensions")
        }
        let data = vectors.enumerated().map { index, vector in
            JSONValue.object([
                ("object", .string("embedding")), ("index", .int(index)),
                ("embedding", format == "float" ? numbers(vector) : base64(vector)),
            ])
        }
        let usage = JSONValue.object([
            ("prompt_tokens", .int(tokens)), ("total_tokens", .int(tokens)),
        ])
        return .json(
            .object([
                ("object", .string("list")), ("data", .array(data)),
                ("model", .string(model.name)), ("usage", usage),
            ]))
    }

    /// A text or a list of ids, or a list of either.
    private static func inputs(_ fields: RequestFields) throws(ServerProblem) -> [VectorInput] {
        let value = fields["input"]
        if let text = value?.string { return [.text(text)] }
        guard let list = value?.array, !list.isEmpty, list.count <= 2048 else {
            throw fields.problem("input", value, "text, ids, or a list of at most 2048 of these")
        }
        if let ids = ids(list) { return [.ids(ids)] }
        var inputs: [VectorInput] = []
        for entry in list {
            if let text = entry.string {
                inputs.append(.text(text))
            } else if let ids = ids(entry.array ?? []) {
                inputs.append(.ids(ids))
            } else {
                throw fields.problem("input", entry, "text, or ids, at least one")
            }
        }
        return inputs
    }

    private static func ids(_ list: [JSONValue]) -> [Int32]? {
        let ids = list.compactMap { $0.integer.flatMap { Int32(exactly: $0) } }
        return ids.isEmpty || ids.count != list.count ? nil : ids
    }

    /// Each with as many digits as give the same float32 back.
    private static func numbers(_ vector: [Float]) -> JSONValue {
        .array(vector.map { $0.isFinite ? .number("\($0)") : .null })
    }

    /// float32 numbers, the low byte first.
    private static func base64(_ vector: [Float]) -> JSONValue {
        var bytes = Data(capacity: 4 * vector.count)
        for number in vector {
            for shift in [0, 8, 16, 24] {
                bytes.append(UInt8(truncatingIfNeeded: number.bitPattern >> shift))
            }
        }
        return .string(bytes.base64EncodedString())
    }

    private static let about = RouteDescription(
        "createEmbedding", "Vectors of texts",
        body: .object(
            [
                ("model", Schema.text().orNull),
                (
                    "input",
                    .either(
                        .text(), .list(.integer(0...Int(Int32.max)), 1...2048),
                        .list(
                            .either(.text(), .list(.integer(0...Int(Int32.max)), 1...Int.max)),
                            1...2048))
                ),
                ("encoding_format", Schema.word("float", "base64").orNull),
                (
                    "truncate",
                    Schema.boolean.orNull.about(
                        "Whether a text that is too long is cut; else it is refused.")
                ),
                (
                    "dimensions",
                    Schema.integer(1...Int.max).orNull.about("The model's own width only.")
                ),
                ("user", .any),
            ], required: ["input"]),
        answer: .json(
            .openObject(
                [
                    ("object", .word("list")), ("model", .text()), ("usage", .openObject()),
                    (
                        "data",
                        .list(
                            .openObject(
                                [
                                    ("object", .word("embedding")), ("index", .count),
                                    ("embedding", .either(.list(.number), .text())),
                                ], required: ["object", "index", "embedding"]))
                    ),
                ], required: ["object", "data", "model", "usage"])),
        problems: [429])
}
