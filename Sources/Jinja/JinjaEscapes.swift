/// Escapes in the strings of templates, which are Python's.
enum JinjaEscapes {
    private static let simple: [Unicode.Scalar: Unicode.Scalar] = [
        "\\": "\\", "'": "'", "\"": "\"", "a": "\u{7}", "b": "\u{8}", "f": "\u{C}", "n": "\n",
        "r": "\r", "t": "\t", "v": "\u{B}",
    ]

    /// The text of a string's inside. An unknown escape stays as it is.
    static func resolved(
        _ scalars: ArraySlice<Unicode.Scalar>, line: Int
    ) throws(JinjaError) -> String {
        var text = String.UnicodeScalarView()
        var index = scalars.startIndex
        while index < scalars.endIndex {
            let scalar = scalars[index]
            index += 1
            guard scalar == "\\", index < scalars.endIndex else {
                text.append(scalar)
                continue
            }
            let escape = scalars[index]
            index += 1
            if let plain = simple[escape] {
                text.append(plain)
            } else if escape == "\n" {
                continue
            } else if ("0"..."7").contains(escape) {
                var end = index
                while end < scalars.endIndex, end < index + 2, ("0"..."7").contains(scalars[end]) {
                    end += 1
                }
                text.append(try number(scalars[index - 1..<end], radix: 8, line))
                index = end
            } else if let count = ["x": 2, "u": 4, "U": 8][escape] {
                guard index + count <= scalars.endIndex else {
                    throw .syntax(line: line, problem: "the escape \\\(escape) is cut off")
                }
                text.append(try number(scalars[index..<index + count], radix: 16, line))
                index += count
            } else if escape == "N" {
                throw .unsupported(line: line, construct: #"the escape \N"#)
            } else {
                text.append("\\")
                text.append(escape)
            }
        }
        return String(text)
    }

    private static func number(
        _ digits: ArraySlice<Unicode.Scalar>, radix: Int, _ line: Int
    ) throws(JinjaError) -> Unicode.Scalar {
        var text = String.UnicodeScalarView()
        text.append(contentsOf: digits)
        guard let value = UInt32(String(text), radix: radix), let scalar = Unicode.Scalar(value)
        else {
            throw .syntax(line: line, problem: "the escape \(String(text)) is no character")
        }
        return scalar
    }
}
