// swift-tools-version: 6.2
import PackageDescription

let swiftSettings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .unsafeFlags(["-warnings-as-errors"]),
]

/// Vector loops: summation may be reordered, but infinities and NaN keep their meaning.
let kernelSettings: [CSetting] = [
    .unsafeFlags([
        "-O3", "-ffp-contract=fast-honor-pragmas", "-fno-math-errno", "-fno-trapping-math",
        "-fno-signed-zeros", "-fassociative-math",
    ])
]

/// Swift's runtime inside the program, for nodes without Swift: `scripts/package.sh` asks for it. Said to
/// the linker alone, so that the program has the very objects that the tests ran; `--static-swift-stdlib`
/// would compile all of them once more. The libraries are those that Foundation's static form needs.
let runtimeSettings: [LinkerSetting] =
    Context.environment["LOCKSTEP_STATIC_RUNTIME"] == nil
    ? []
    : [.unsafeFlags(["-static-stdlib"])]
        + [
            "FoundationInternationalization", "FoundationEssentials", "_FoundationCollections",
            "_FoundationCShims", "CoreFoundation", "_FoundationICU", "swiftSynchronization",
            "swift_StringProcessing", "swift_RegexParser", "swift_Concurrency",
        ].map { .linkedLibrary($0) }

func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

/// Tests are compiled without optimization in every configuration, which halves the time that they take to
/// build: nearly all of what they run is the rooms' code. `optimized` is for those that compute or compare
/// many numbers themselves.
func tests(_ name: String, _ dependencies: [Target.Dependency], optimized: Bool = false) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["TestSupport"],
        swiftSettings: swiftSettings + (optimized ? [] : [.unsafeFlags(["-Onone"])]))
}

let package = Package(
    name: "lockstep",
    products: [.executable(name: "lockstep", targets: ["lockstep"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    ],
    targets: [
        .systemLibrary(
            name: "CMPI", pkgConfig: "ompi-c", providers: [.apt(["libopenmpi-dev"])]),
        .systemLibrary(
            name: "CHDF5", pkgConfig: "hdf5-serial", providers: [.apt(["libhdf5-dev"])]),
        .systemLibrary(
            name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(
            name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(
            name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(
            name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
        .target(name: "CFiles"),
        .target(name: "COneDNN", linkerSettings: [.linkedLibrary("dnnl")]),
        .target(name: "CKernels", cSettings: kernelSettings),

        room("Files", ["CFiles", "CZlib", "CZstd"]),
        room("Kernels", ["CKernels", "COpenBLAS", "COneDNN"]),
        room("Autograd", ["Kernels"]),
        room("Models", ["Files", "Autograd", "Kernels"]),
        room("Jinja", ["Files"]),
        room("Tokenizers", ["Files"]),
        room("TokenizerTraining", ["Files", "Tokenizers"]),
        room("Templates", ["Files", "Jinja", "Tokenizers"]),
        room("Columnar", ["Files"]),
        room("Datasets", ["Files", "Columnar", "Templates"]),
        room("Masking", []),
        room("TextData", ["Files", "Columnar", "Datasets", "Masking", "Templates", "Tokenizers"]),
        room("Distributed", ["Autograd", "Kernels", "CMPI"]),
        room("WeightFiles", ["Files"]),
        room("Checkpoints", ["Files", "CHDF5", "CXXHash"]),
        room("Finetuning", ["Files", "Models", "WeightFiles", "Autograd", "Kernels"]),
        room("Objectives", ["Models", "Masking", "TextData", "Autograd"]),
        room("Optimizers", ["Autograd", "Kernels"]),
        room("Metrics", ["Files"]),
        room("Rewards", ["Files"]),
        room(
            "Configuration",
            ["Files", "Metrics", "Optimizers", "Datasets", "TextData", "WeightFiles", "Autograd"]),
        room("Reports", ["Files", "Configuration", "Metrics"]),
        room(
            "ModelFiles",
            [
                "Files", "Configuration", "Models", "Finetuning", "Tokenizers", "Templates",
                "WeightFiles", "Checkpoints", "Autograd", "Kernels",
            ]),
        room(
            "Generation",
            [
                "Files", "Configuration", "ModelFiles", "Models", "Tokenizers", "Templates",
                "Autograd", "Kernels",
            ]),
        room(
            "Evaluation",
            [
                "Files", "Configuration", "Metrics", "ModelFiles", "Generation", "Models",
                "Objectives", "Jinja", "Tokenizers", "Templates", "Datasets", "TextData",
                "Distributed", "Autograd", "Kernels",
            ]),
        room(
            "Training",
            [
                "Files", "Configuration", "Metrics", "Reports", "ModelFiles", "Generation",
                "Evaluation", "Rewards", "Models", "Objectives", "Optimizers", "Tokenizers",
                "TokenizerTraining",
                "Templates", "Datasets", "Masking", "TextData", "Distributed", "Checkpoints",
                "Finetuning", "Autograd", "Kernels",
            ]),
        room(
            "Planning",
            [
                "Files", "Training", "Configuration", "Metrics", "Reports", "ModelFiles", "Models",
                "Objectives", "Optimizers", "TextData", "Distributed", "Autograd", "Kernels",
            ]),
        room(
            "Serving",
            [
                "Files", "Configuration", "ModelFiles", "Generation", "Models", "Tokenizers",
                "Templates",
                .product(
                    name: "Hummingbird", package: "hummingbird",
                    moduleAliases: [
                        "Metrics": "SwiftMetrics", "Configuration": "SwiftConfiguration",
                    ]),
            ]),
        room("Board", ["Files", "Checkpoints", "Serving"]),
        .executableTarget(
            name: "lockstep",
            dependencies: [
                "Files", "Configuration", "ModelFiles", "Generation", "Evaluation", "Training",
                "Planning", "Serving", "Board", "Tokenizers", "TokenizerTraining", "TextData",
                "Checkpoints",
                "Distributed", "Kernels",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                "Yams",
            ],
            swiftSettings: swiftSettings, linkerSettings: runtimeSettings),

        .target(
            name: "TestSupport", dependencies: ["Files"], path: "Tests/TestSupport",
            swiftSettings: swiftSettings),
        .target(
            name: "ConfigurationSupport", dependencies: ["Configuration"],
            path: "Tests/ConfigurationSupport", swiftSettings: swiftSettings),
        .target(
            name: "CheckpointSupport", dependencies: ["Checkpoints"],
            path: "Tests/CheckpointSupport", swiftSettings: swiftSettings),
        .target(
            name: "TokenizerSupport", dependencies: ["Tokenizers"],
            path: "Tests/TokenizerSupport", swiftSettings: swiftSettings),
        tests("FilesTests", ["Files"]),
        tests("ColumnarTests", ["Columnar", "Files"]),
        tests("JinjaTests", ["Jinja", "Files"]),
        tests("KernelsTests", ["Kernels"], optimized: true),
        tests("AutogradTests", ["Autograd", "Kernels"], optimized: true),
        tests("ModelsTests", ["Models", "Files", "Autograd", "Kernels"]),
        tests(
            "FinetuningTests",
            ["Finetuning", "Files", "Models", "Optimizers", "WeightFiles", "Autograd", "Kernels"],
            optimized: true),
        tests("TokenizersTests", ["Tokenizers", "TokenizerSupport", "Files"]),
        tests(
            "TokenizerTrainingTests",
            ["TokenizerTraining", "Tokenizers", "TokenizerSupport", "Files"]),
        tests("TemplatesTests", ["Templates", "Tokenizers", "Files"]),
        tests(
            "TextDataTests",
            [
                "TextData", "Datasets", "Masking", "Templates", "Tokenizers", "TokenizerSupport",
                "Files",
            ],
            optimized: true),
        .executableTarget(
            name: "DistributedTestDriver",
            dependencies: [
                "Training", "Configuration", "Reports", "Objectives", "Optimizers", "Models",
                "TextData", "Checkpoints", "Distributed", "Autograd", "Kernels",
            ],
            path: "Tests/DistributedTestDriver", swiftSettings: swiftSettings),
        .executableTarget(
            name: "fuzz",
            dependencies: [
                "Files", "Jinja", "Configuration", "ModelFiles", "Models", "Tokenizers",
                "Templates", "Datasets", "TextData", "WeightFiles", "Checkpoints", "Evaluation",
                "Yams",
            ],
            path: "scripts/fuzz/Driver", swiftSettings: swiftSettings),
        tests("DistributedTests", ["Distributed", "Autograd", "DistributedTestDriver"]),
        tests("OptimizersTests", ["Optimizers", "Configuration", "Autograd", "Kernels"]),
        tests(
            "CheckpointsTests", ["Checkpoints", "CheckpointSupport", "Files", "CHDF5"]),
        tests(
            "WeightFilesTests", ["WeightFiles", "Checkpoints", "CheckpointSupport", "Files"]),
        tests(
            "ConfigurationTests",
            ["Configuration", "ConfigurationSupport", "Optimizers", "Autograd", "Files"]),
        tests("MaskingTests", ["Masking"], optimized: true),
        tests("MetricsTests", ["Metrics", "Objectives"]),
        tests("RewardsTests", ["Rewards"]),
        tests(
            "ReportsTests",
            ["Reports", "Configuration", "ConfigurationSupport", "Metrics", "CZlib"]),
        tests(
            "ModelFilesTests",
            [
                "ModelFiles", "Generation", "Configuration", "ConfigurationSupport", "Files",
                "Models", "Tokenizers", "Templates", "WeightFiles", "Autograd", "Kernels",
            ]),
        tests(
            "GenerationTests", ["Generation", "Configuration", "ModelFiles", "Files", "Kernels"]),
        tests(
            "ServingTests", ["Serving", "Generation", "Configuration", "ModelFiles", "Files"]),
        tests(
            "EvaluationTests",
            [
                "Evaluation", "Models", "ModelFiles", "Objectives", "TextData", "Tokenizers",
                "Files",
            ]),
        tests(
            "TrainingTests",
            [
                "Training", "Configuration", "ModelFiles", "Objectives", "Optimizers", "Models",
                "Masking", "TextData", "Templates", "Tokenizers", "TokenizerSupport",
                "Checkpoints", "Distributed", "Files",
                "Autograd", "Kernels",
            ]),
        tests(
            "PlanningTests",
            [
                "Planning", "Training", "ConfigurationSupport", "Distributed", "Autograd",
                "Kernels",
            ]),
        tests(
            "BoardTests",
            ["Board", "Serving", "Configuration", "CheckpointSupport", "Checkpoints", "Files"]),
        tests(
            "CommandTests",
            ["lockstep", "Configuration", "Training", "WeightFiles", "Checkpoints", "Files"]),
    ]
)
