/// A scene as an SVG file.
enum SVGDrawing {
    static func text(of scene: PlotScene) -> String {
        let width = number(scene.width)
        let height = number(scene.height)
        var text = """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(width) \(height)" \
            width="\(width)" height="\(height)" font-family="Helvetica, Arial, sans-serif">
            <rect width="100%" height="100%" fill="#ffffff"/>

            """
        for mark in scene.marks { text += element(mark) }
        return text + "</svg>\n"
    }

    private static func element(_ mark: PlotScene.Mark) -> String {
        switch mark {
        case .line(let points, let colour, let width):
            guard points.count > 1 else { return "" }
            let path = points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
            return "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(colour.hex)\" "
                + "stroke-width=\"\(number(width))\" stroke-linejoin=\"round\"/>\n"
        case .dot(let point, let colour, let radius):
            return "<circle cx=\"\(number(point.x))\" cy=\"\(number(point.y))\" "
                + "r=\"\(number(radius))\" fill=\"\(colour.hex)\"/>\n"
        case .text(let words, let point, let size, let anchor):
            return "<text x=\"\(number(point.x))\" y=\"\(number(point.y))\" "
                + "font-size=\"\(number(size))\" text-anchor=\"\(anchor.rawValue)\" "
                + "fill=\"\(PlotColour.ink.hex)\">\(escaped(words))</text>\n"
        }
    }

    /// Two decimals at most: a hundredth of a unit cannot be seen.
    private static func number(_ value: Double) -> String {
        let rounded = ReportText.rounded(value, 2)
        return Int(exactly: rounded).map(String.init) ?? String(rounded)
    }

    private static func escaped(_ text: String) -> String {
        text.map { character in
            switch character {
            case "&": "&amp;"
            case "<": "&lt;"
            case ">": "&gt;"
            default: String(character)
            }
        }.joined()
    }
}
