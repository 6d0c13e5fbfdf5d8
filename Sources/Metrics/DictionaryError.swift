/// Why jieba's files cannot be used: one line.
package struct DictionaryError: Error, Equatable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
