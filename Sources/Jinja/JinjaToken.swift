/// A piece of a template's text.
struct JinjaToken: Equatable {
    enum Kind: Equatable {
        /// Text outside of tags.
        case data(String)
        case variableBegin, variableEnd, blockBegin, blockEnd
        case name(String)
        case string(String)
        case integer(JinjaLiteral)
        case float(Double)
        /// `+`, `==`, `(`, …
        case mark(String)
        case end
    }

    let kind: Kind
    let line: Int

    /// The token as a message shows it.
    var description: String {
        switch kind {
        case .data: "text"
        case .variableBegin: "'{{'"
        case .variableEnd: "'}}'"
        case .blockBegin: "'{%'"
        case .blockEnd: "'%}'"
        case .name(let name): "'\(name)'"
        case .string: "a string"
        case .integer, .float: "a number"
        case .mark(let mark): "'\(mark)'"
        case .end: "the end of the template"
        }
    }
}
