package import Files

/// A template in Jinja with loop controls, `generation` blocks, and values that a template cannot
/// change: for chats as transformers renders it, for prompts of tasks as lm-evaluation-harness does.
///
/// What is outside of the supported part of Jinja is refused with its line.
package struct JinjaTemplate: Sendable {
    /// What a template wrote.
    package struct Rendering: Sendable, Equatable {
        package let text: String
        /// What stands in `generation` blocks: offsets in the text's UTF-8.
        package let generated: [Range<Int>]
        /// Whether a `generation` block's place is not known, for its text became a value first.
        package let lostGenerated: Bool
    }

    package let source: String
    private let dialect: JinjaDialect
    private let statements: [JinjaStatement]
    /// Bytes of a template at most.
    package static let longestSource = 1 << 20

    /// Reads a template.
    ///
    /// - Throws: ``JinjaError`` for what is no template, or not supported.
    package init(_ source: String, _ dialect: JinjaDialect = .chat) throws(JinjaError) {
        guard source.utf8.count <= Self.longestSource else {
            throw .limit(
                line: 1, what: "a template of more than \(Self.longestSource) bytes")
        }
        self.source = source
        self.dialect = dialect
        statements = try JinjaParser.statements(of: source, dialect)
    }

    /// Writes the template with values for its names. Names that are not there are undefined.
    ///
    /// - Parameter clock: what `strftime_now` tells; without one it is refused.
    /// - Throws: ``JinjaError``; ``JinjaError/raised(line:message:)`` where the template calls
    ///   `raise_exception`.
    package func render(
        _ variables: [JSONValue.Member], clock: JinjaClock? = nil
    ) throws(JinjaError) -> Rendering {
        let scope = JinjaScope(in: nil)
        var size = source.utf8.count
        for variable in variables {
            let value = JinjaValue(variable.value)
            size += value.size
            scope[variable.key] = value
        }
        let limits = JinjaRenderer.Limits(bytes: (16 << 20) + 64 * size)
        let renderer = JinjaRenderer(
            scope, clock: clock, limits: limits, isStrict: dialect.isStrict)
        defer { renderer.finish() }
        try renderer.run(statements)
        return Rendering(
            text: renderer.text, generated: renderer.generated,
            lostGenerated: renderer.lostGenerated)
    }
}
