import Files
import Foundation
import Metrics

extension HarnessTask {
    /// lm-evaluation-harness's samples: a line for each document and filter.
    func samples(_ answers: [TaskAnswer], _ columns: [Column]) -> PredictionFile {
        var lines = ""
        for filter in definition.filters {
            let own = columns.filter { $0.filter.name == filter.name }
            for (number, document) in documents.enumerated() {
                lines += sample(number, document, answers, filter, own).text() + "\n"
            }
        }
        return PredictionFile(
            name: "samples_\(name).jsonl", text: lines, count: documents.count)
    }

    private func sample(
        _ number: Int, _ document: Document, _ answers: [TaskAnswer], _ filter: HarnessFilter,
        _ columns: [Column]
    ) -> JSONValue {
        let question = document.question
        let own = Array(answers[document.requests])
        let pairs = question.contexts.flatMap { context in
            question.continuations.map { (context, $0) }
        }
        let arguments: [JSONValue.Member]
        let responses: [JSONValue]
        let filtered: [JSONValue]
        switch definition.output {
        case .rolling:
            let sum = JSONValue.double(own.reduce(0.0) { $0 + $1.logProbability })
            arguments = [Self.argument(0, question.continuations)]
            (responses, filtered) = ([.array([sum])], [sum])
        case .text:
            let limits: JSONValue = .object(
                [
                    ("until", .array(stops.map { .string($0) })),
                    ("max_gen_toks", .int(definition.longest)),
                ] + drawing)
            arguments = [
                (
                    key: "gen_args_0",
                    value: .object([
                        ("arg_0", .string(question.contexts[0])), ("arg_1", limits),
                    ])
                )
            ]
            responses = [.array(own.map { .string($0.text) })]
            filtered = [.string(filter.answer(own.map(\.text)))]
        case .choice, .likelihood:
            arguments = pairs.enumerated().map { Self.argument($0, [$1.0, $1.1]) }
            filtered = own.map {
                .array([.double($0.logProbability), .bool($0.isGreedy)])
            }
            responses = filtered.map { .array([$0]) }
        }
        var members: [JSONValue.Member] = [
            ("doc_id", .int(number)), ("doc", document.row), ("target", question.target),
            ("arguments", .object(arguments)), ("resps", .array(responses)),
            ("filtered_resps", .array(filtered)), ("filter", .string(filter.name)),
            ("metrics", .array(columns.map { .string($0.metric.kind.rawValue) })),
        ]
        for column in columns {
            let item = column.items[number]
            let value = JSONValue.double(item.value)
            members.append(
                (
                    key: column.metric.kind.rawValue,
                    value: definition.output == .rolling
                        ? .array([value, .double(item.weight)]) : value
                ))
        }
        return .object(members)
    }

    private var stops: [String] { definition.stops ?? [definition.shotDelimiter] }

    /// How texts are drawn, as task files say it.
    private var drawing: [JSONValue.Member] {
        guard let drawing = definition.drawing else { return [] }
        return [
            ("do_sample", .bool(true)), ("temperature", .double(drawing.temperature)),
            ("top_p", .double(drawing.topP)), ("top_k", .int(drawing.topK)),
        ]
    }

    private static func argument(_ number: Int, _ texts: [String]) -> JSONValue.Member {
        (
            key: "gen_args_\(number)",
            value: .object(
                texts.enumerated().map { (key: "arg_\($0)", value: .string($1)) })
        )
    }
}

extension HarnessDefinition {
    /// The task's settings as results name them.
    func json(shots: Int, files: [String]) -> JSONValue {
        var members: [JSONValue.Member] = [
            ("task", .string(task)), ("output_type", .string(output.rawValue)),
        ]
        func add(_ key: String, _ text: String?) {
            if let text { members.append((key: key, value: .string(text))) }
        }
        func add(_ key: String, _ field: HarnessField?) {
            switch field {
            case .text(let text): add(key, text)
            case .value(let value): members.append((key: key, value: value))
            case .rule: add(key, "built in")
            case nil: break
            }
        }
        add("training_split", trainingSplit)
        add("validation_split", validationSplit)
        add("test_split", testSplit)
        add("fewshot_split", fewshotSplit)
        add("doc_to_text", self.text)
        add("doc_to_target", target)
        add("doc_to_choice", choices)
        add("description", description)
        add("gen_prefix", prefix)
        add("target_delimiter", targetDelimiter)
        add("fewshot_delimiter", shotDelimiter)
        if repeats > 1 { members.append((key: "repeats", value: .int(repeats))) }
        members.append((key: "num_fewshot", value: .int(shots)))
        members.append(
            (
                key: "metric_list",
                value: .array(
                    metricsUsed.map {
                        .object([
                            ("metric", .string($0.kind.rawValue)),
                            ("aggregation", .string($0.kind.aggregation)),
                            ("higher_is_better", .bool($0.kind.isHigherBetter)),
                        ])
                    })
            ))
        members.append(
            (
                key: "data_files",
                value: .object(
                    files.map { path in
                        var hash = FNV1a()
                        for byte in (try? RegularFile.bytes(path)) ?? [] { hash.add(byte) }
                        return (
                            key: path, value: .string("fnv1a:" + String(hash.value, radix: 16))
                        )
                    })
            ))
        return .object(members)
    }
}
