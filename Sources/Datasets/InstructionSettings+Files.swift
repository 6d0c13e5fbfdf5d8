extension InstructionSettings {
    /// The files of the datasets to learn from; `nil` where one is not there.
    package var files: [String]? {
        guard let catalog = try? DatasetCatalog(folder, listed: listed, caches: caches) else {
            return nil
        }
        var files: [String] = []
        for name in datasets {
            guard let entry = try? catalog.entry(name, for: use) else { return nil }
            files += entry.files
        }
        return files
    }
}
