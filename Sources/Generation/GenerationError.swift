package import ModelFiles

/// Why a model gives no text.
package enum GenerationError: Error, CustomStringConvertible {
    case modelFile(ModelFileError)
    /// A mistake of the user that concerns more than one file.
    case user(String)

    package var description: String {
        switch self {
        case .modelFile(let error): error.description
        case .user(let message): message
        }
    }

    /// What `body` gives; its problem as an error of this room.
    static func ofModelFiles<Value>(
        _ body: () throws(ModelFileError) -> Value
    ) throws(GenerationError) -> Value {
        do {
            return try body()
        } catch {
            throw .modelFile(error)
        }
    }
}
