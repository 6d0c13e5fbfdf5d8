/// How a program sets Jinja up.
package struct JinjaDialect: Sendable {
    /// Whether the line break after a block's tag goes, and the space before it on its line
    /// (`trim_blocks`, `lstrip_blocks`).
    let trimsBlocks: Bool
    /// Whether a template's last line break stays (`keep_trailing_newline`).
    let keepsLastLineBreak: Bool
    /// Whether a value that is not there may not even be written or tested (`StrictUndefined`).
    let isStrict: Bool

    /// Chat templates, as transformers renders them.
    package static let chat = JinjaDialect(
        trimsBlocks: true, keepsLastLineBreak: false, isStrict: false)
    /// Prompts of evaluation tasks, as lm-evaluation-harness renders them.
    package static let prompts = JinjaDialect(
        trimsBlocks: false, keepsLastLineBreak: true, isStrict: true)
}
