import Files
package import Foundation

/// An event of TensorBoard, ready to be written.
///
/// Field numbers are those of tensorflow/core/util/event.proto, framework/summary.proto, framework/tensor.proto
/// and tensorboard/plugins/hparams/{api,plugin_data}.proto.
package struct TensorBoardEvent: Sendable {
    package let data: Data

    /// - Parameters:
    ///   - time: seconds since 1970.
    ///   - field: of the event's `what`.
    private init(time: Double, step: Int, field: Int, _ content: Data) {
        var event = ProtobufMessage()
        event.add(1, time)
        if step != 0 { event.add(2, step) }
        event.add(field, content)
        data = event.bytes
    }

    /// The first event of a file.
    static func version(time: Double) -> TensorBoardEvent {
        TensorBoardEvent(time: time, step: 0, field: 3, Data("brain.Event:2".utf8))
    }

    /// Says that points of `step` and later that stand before this one do not count any more.
    static func sessionStart(step: Int, time: Double) -> TensorBoardEvent {
        var session = ProtobufMessage()
        session.add(1, 1)  // START
        return TensorBoardEvent(time: time, step: step, field: 7, session.bytes)
    }

    /// Points of curves, one a name.
    static func scalars(
        _ values: [(tag: String, value: Double)], step: Int, time: Double
    ) -> TensorBoardEvent {
        var summary = ProtobufMessage()
        for (tag, value) in values {
            var point = ProtobufMessage()
            point.add(1, tag)
            point.add(2, Float(value))
            summary.add(1, point)
        }
        return TensorBoardEvent(time: time, step: step, field: 5, summary.bytes)
    }

    /// A text in Markdown.
    static func text(_ text: String, tag: String, time: Double) -> TensorBoardEvent {
        var tensor = ProtobufMessage()
        tensor.add(1, 7)  // DT_STRING
        tensor.add(2, shape(of: 1))
        tensor.add(8, text)
        return plugin("text", Data(), tag: tag + "/text_summary", tensor: tensor, time: time)
    }

    /// What the hparams page lists of an experiment: names and kinds of settings, and which curves
    /// measure it.
    static func experiment(
        _ settings: [JSONValue.Member], metrics: [String], time: Double
    ) -> TensorBoardEvent {
        var experiment = ProtobufMessage()
        for (name, value) in settings {
            var setting = ProtobufMessage()
            setting.add(1, name)
            setting.add(4, kind(of: value))
            experiment.add(4, setting)
        }
        for metric in metrics {
            var name = ProtobufMessage()
            name.add(2, metric)
            var info = ProtobufMessage()
            info.add(1, name)
            experiment.add(5, info)
        }
        return hyperparameters("experiment", field: 2, experiment, time: time)
    }

    /// The settings of a run, which the page finds by the file's folder.
    static func settings(_ settings: [JSONValue.Member], time: Double) -> TensorBoardEvent {
        var start = ProtobufMessage()
        for (name, value) in settings {
            var entry = ProtobufMessage()  // of a map: key and value
            entry.add(1, name)
            entry.add(2, structValue(value))
            start.add(1, entry)
        }
        start.add(5, time)
        return hyperparameters("session_start_info", field: 3, start, time: time)
    }

    /// The end of a finished run.
    static func end(time: Double) -> TensorBoardEvent {
        var end = ProtobufMessage()
        end.add(1, 1)  // STATUS_SUCCESS
        end.add(2, time)
        return hyperparameters("session_end_info", field: 4, end, time: time)
    }

    private static func hyperparameters(
        _ tag: String, field: Int, _ message: ProtobufMessage, time: Double
    ) -> TensorBoardEvent {
        var content = ProtobufMessage()
        content.add(1, 0)  // version
        content.add(field, message)
        // The page reads the metadata alone; a value there must be.
        var tensor = ProtobufMessage()
        tensor.add(1, 1)  // DT_FLOAT
        tensor.add(2, shape(of: 1))
        tensor.add(5, Float(0))
        return plugin(
            "hparams", content.bytes, tag: "_hparams_/" + tag, tensor: tensor, time: time)
    }

    private static func plugin(
        _ name: String, _ content: Data, tag: String, tensor: ProtobufMessage, time: Double
    ) -> TensorBoardEvent {
        var plugin = ProtobufMessage()
        plugin.add(1, name)
        if !content.isEmpty { plugin.add(2, content) }
        var metadata = ProtobufMessage()
        metadata.add(1, plugin)
        var value = ProtobufMessage()
        value.add(1, tag)
        value.add(9, metadata)
        value.add(8, tensor)
        var summary = ProtobufMessage()
        summary.add(1, value)
        return TensorBoardEvent(time: time, step: 0, field: 5, summary.bytes)
    }

    /// A TensorShapeProto of one dimension.
    private static func shape(of count: Int) -> ProtobufMessage {
        var dimension = ProtobufMessage()
        dimension.add(1, count)
        var shape = ProtobufMessage()
        shape.add(2, dimension)
        return shape
    }

    /// hparams' DataType: 1 text, 2 boolean, 3 number.
    private static func kind(of value: JSONValue) -> Int {
        switch value {
        case .bool: 2
        case .number: 3
        default: 1
        }
    }

    /// A google.protobuf.Value.
    private static func structValue(_ value: JSONValue) -> ProtobufMessage {
        var message = ProtobufMessage()
        switch value {
        case .bool(let truth): message.add(4, truth)
        case .number: message.add(2, value.double ?? 0)
        default: message.add(3, value.string ?? value.text())
        }
        return message
    }
}
