package import Autograd

/// One of several models that are trained as one, as it is written by itself.
package struct ModelPart {
    /// Below the folder of the whole; "" for that itself.
    package let folder: String
    /// config.json.
    package let configuration: String
    /// What the part has, under its own names.
    package let arrays: [(name: String, parameter: Parameter)]

    package init(
        folder: String, configuration: String, arrays: [(name: String, parameter: Parameter)]
    ) {
        self.folder = folder
        self.configuration = configuration
        self.arrays = arrays
    }
}
