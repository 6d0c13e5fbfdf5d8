import Kernels

/// What a head makes of x Wᵀ before the softmax. At most one of both.
package struct LogitForm: Sendable, Equatable {
    /// Logits become softcap · tanh(logits / softcap); 0 means they stay.
    /// Source: Gemma Team 2024, arXiv:2408.00118, section 2.
    package var softcap: Float = 0
    /// Whether each row of W counts as divided by its length.
    /// Source: Yang et al. 2023, arXiv:2309.10305, section 2.6 (NormHead).
    package var normalizesRows = false

    package init(softcap: Float = 0, normalizesRows: Bool = false) {
        precondition(softcap == 0 || !normalizesRows, "capped logits of normalised rows")
        self.softcap = softcap
        self.normalizesRows = normalizesRows
    }
}

/// The lengths of a head's rows, and what dividing by them does to logits and gradients.
///
/// With n = 1/‖w‖ and z = n · x·w the gradient of a row is n · Σ dz x − n² · (Σ dz z) · w.
struct RowNorms {
    private let weight: Parameter  // (V, C)
    private let workspace: Workspace
    private let inverse: Buffer  // n (V), float32
    private let products: Buffer?  // Σ dz z (V), float32

    /// `nil` where the form leaves the rows as they are.
    init?(_ weight: Parameter, _ form: LogitForm, in workspace: Workspace) {
        guard form.normalizesRows else { return nil }
        self.weight = weight
        self.workspace = workspace
        let (rows, width) = (weight.shape.extents[0], weight.shape.width)
        inverse = workspace.buffer(rows, .float32)
        workspace.inverseRowNorms(of: weight.value, rows: rows, width: width, into: inverse)
        products = weight.learns ? workspace.zeros(rows, .float32) : nil
    }

    /// Whether the weight has a gradient, which needs the logits beside theirs.
    var learns: Bool { products != nil }

    /// Logits (rows, V) of W become those of its normalised rows.
    func divide(_ logits: Buffer, rows: Int) {
        scale(logits, rows: rows)
    }

    /// The gradient of normalised logits (rows, V) becomes that of x Wᵀ.
    func divideGradient(_ dlogits: Buffer, logits: Buffer, rows: Int) {
        if let products {
            let columns = weight.shape.extents[0]
            let ones = workspace.buffer(columns, .float32)
            workspace.fill(ones, count: columns, with: 1)
            workspace.addColumnProducts(
                logits, dlogits, dividedBy: ones, to: products, rows: rows, columns: columns)
        }
        scale(dlogits, rows: rows)
    }

    private func scale(_ x: Buffer, rows: Int) {
        workspace.scaleColumns(
            x, by: inverse, into: x, adding: false, rows: rows, columns: weight.shape.extents[0])
    }

    /// Takes from the weight's gradient what lies along its rows.
    func finish() {
        guard let products, let gradient = weight.gradient else { return }
        let rows = weight.shape.extents[0]
        scale(products, rows: 1)
        scale(products, rows: 1)
        workspace.subtract(
            weight.value, timesRows: products, from: gradient, rows: rows,
            width: weight.shape.width)
    }
}
