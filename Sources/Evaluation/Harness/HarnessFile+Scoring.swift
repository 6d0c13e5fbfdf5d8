import Files
import Jinja

extension HarnessFile {
    /// `filter_list`: names with their steps.
    static func filters(
        _ value: JSONValue, _ path: String
    ) throws(EvaluationError) -> [HarnessFilter] {
        guard let list = value.array, !list.isEmpty else {
            throw .user("\(path): filter_list: found \(value.kind), expected a list")
        }
        var filters: [HarnessFilter] = []
        for entry in list {
            guard let name = entry["name"]?.string, let steps = entry["filter"]?.array else {
                throw .user("\(path): filter_list: each needs a name and a list filter")
            }
            var found: [HarnessFilter.Step] = []
            for step in steps { found.append(try self.step(step, "\(path): filter \(name)")) }
            filters.append(HarnessFilter(name: name, steps: found))
        }
        return filters
    }

    private static func step(
        _ step: JSONValue, _ place: String
    ) throws(EvaluationError) -> HarnessFilter.Step {
        let function = step["function"]?.string ?? ""
        let options = (step.members ?? []).map(\.key).filter { $0 != "function" }
        let known =
            switch function {
            case "regex": ["regex_pattern", "group_select", "fallback"]
            case "take_first_k": ["k"]
            default: [String]()
            }
        if let key = options.first(where: { !known.contains($0) }) {
            throw .user("\(place): \(function) has no setting \(key) here")
        }
        switch function {
        case "take_first": return .first
        case "majority_vote": return .vote
        case "take_first_k":
            guard let count = step["k"]?.integer, count > 0 else {
                throw .user("\(place): take_first_k: k: expected a number from 1")
            }
            return .firstFew(count)
        case "remove_whitespace": return .trimmed
        case "lowercase": return .lowercase
        case "uppercase": return .uppercase
        case "regex":
            let source = step["regex_pattern"]?.string ?? #"#### (\-?[0-9\.\,]+)"#
            return .pattern(
                try pattern(source, place), match: step["group_select"]?.integer ?? 0,
                otherwise: step["fallback"]?.string ?? "[invalid]")
        default:
            throw .user(
                "\(place): found the function '\(function)', expected take_first, "
                    + "take_first_k, majority_vote, regex, remove_whitespace, lowercase or "
                    + "uppercase")
        }
    }

    private static func pattern(
        _ source: String, _ place: String
    ) throws(EvaluationError) -> PythonPattern {
        guard let pattern = PythonPattern(source) else {
            throw .user("\(place): the pattern '\(source)' is not understood")
        }
        return pattern
    }

    /// `metric_list`: metrics with what they pass over.
    static func metrics(
        _ value: JSONValue, _ output: HarnessDefinition.OutputType, _ path: String
    ) throws(EvaluationError) -> [HarnessMetric] {
        guard let list = value.array, !list.isEmpty else {
            throw .user("\(path): metric_list: found \(value.kind), expected a list")
        }
        var metrics: [HarnessMetric] = []
        for entry in list { metrics.append(try metric(entry, output, path)) }
        return metrics
    }

    private static func metric(
        _ entry: JSONValue, _ output: HarnessDefinition.OutputType, _ path: String
    ) throws(EvaluationError) -> HarnessMetric {
        let name = entry["metric"]?.string ?? ""
        let known = HarnessMetric.Kind.allCases.filter { $0.outputs.contains(output) }
        guard let kind = known.first(where: { $0.rawValue == name }) else {
            throw .user(
                "\(path): metric_list: found '\(name)', expected of output_type "
                    + "\(output.rawValue): " + known.map(\.rawValue).joined(separator: ", "))
        }
        var metric = HarnessMetric(kind)
        let place = "\(path): metric \(name)"
        for (key, value) in entry.members ?? [] where value != .null {
            switch key {
            case "metric": break
            case "aggregation":
                guard value.string == kind.aggregation else {
                    throw .user(
                        "\(place): aggregation: found \(value.kind), expected \(kind.aggregation)")
                }
            case "higher_is_better":
                guard value.bool == kind.isHigherBetter else {
                    throw .user(
                        "\(place): higher_is_better: found \(value.kind), expected "
                            + "\(kind.isHigherBetter)")
                }
            case "ignore_case" where kind == .exactMatch: metric.ignoresCase = value.bool ?? false
            case "ignore_punctuation" where kind == .exactMatch:
                metric.ignoresPunctuation = value.bool ?? false
            case "ignore_numbers" where kind == .exactMatch:
                metric.ignoresNumbers = value.bool ?? false
            case "regexes_to_ignore" where kind == .exactMatch:
                for source in (value.array ?? []).compactMap(\.string) {
                    metric.ignoredPatterns.append(try pattern(source, place))
                }
            default: throw .user("\(place): \(key) is not known here; leave it out")
            }
        }
        return metric
    }
}
