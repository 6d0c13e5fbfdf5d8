import Files
import Foundation
package import Models
import WeightFiles

/// The names of labels beside an adapter that holds the head for them: PEFT's files say how many there are,
/// and what of, but not what they are called.
package enum AdapterLabels {
    package static let fileName = "labels.json"

    /// Writes the file, where a model says labels in place of words.
    package static func write(of model: any LanguageModel, to folder: String) throws(ModelFileError)
    {
        guard let head = model.taskHead, head.replacesLanguageHead else { return }
        let names = head.plan.labels.enumerated().map {
            (key: String($0), value: JSONValue.string($1))
        }
        let text = JSONValue.object([
            (key: "id2label", value: .object(names)),
            (key: "problem_type", value: .string(head.plan.problem.rawValue)),
        ]).text(indent: 2)
        let path = folder + "/" + fileName
        do {
            try (text + "\n").write(toFile: path, atomically: true, encoding: .utf8)
        } catch {
            throw .user("\(path) cannot be written: \(error.localizedDescription)")
        }
    }

    /// The head that an adapter holds, as its configuration and its tensors say; `nil` where it holds none.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for names of other labels than it has.
    static func plan(of folder: String) throws(ModelFileError) -> TaskPlan? {
        let type = try object(folder + "/adapter_config.json")?["task_type"]?.string
        guard let kind = type.flatMap(TaskPlan.Kind.init),
            let count = try outputs(folder)
        else { return nil }
        let file = folder + "/" + fileName
        let told = try object(file)
        let names = (0..<count).map { told?["id2label"]?[String($0)]?.string }
        if told != nil, told?["id2label"]?.members?.count != count || names.contains(nil) {
            throw .user(
                "\(file): id2label has other labels than the \(count) of the adapter's head; "
                    + "name them from \"0\" to \"\(count - 1)\", or remove the file")
        }
        let problem = told?["problem_type"]?.string.flatMap(TaskPlan.Problem.init)
        return TaskPlan(
            kind,
            kind == .sequence ? problem ?? (count == 1 ? .regression : .singleLabel) : .singleLabel,
            labels: names.enumerated().map { $1 ?? "LABEL_\($0)" })
    }

    /// Rows of the last matrix of a head.
    private static func outputs(_ folder: String) throws(ModelFileError) -> Int? {
        let path = folder + "/adapter_model.safetensors"
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let file = try ModelFileError.ofWeightFiles { () throws(WeightFileError) in
            try SafetensorsFile(path: path)
        }
        let heads =
            ["classifier", "classifier.out_proj", "score", "qa_outputs"]
            + ["classification_head.out_proj"]
        let names = Set(heads.map { "base_model.model." + $0 + ".weight" })
        return file.tensors.first { names.contains($0.name) }?.shape.first
    }

    /// A file's object; `nil` where there is none.
    private static func object(_ path: String) throws(ModelFileError) -> JSONValue? {
        guard let data = RegularFile.contents(path) else { return nil }
        guard let value = try? JSONValueReader.read([UInt8](data)[...]), value.members != nil else {
            throw .user("\(path) is not a JSON object; write it anew, or remove it")
        }
        return value
    }
}
