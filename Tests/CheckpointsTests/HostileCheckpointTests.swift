import CHDF5
import CheckpointSupport
import Checkpoints
import Foundation
import Testing

/// Checkpoints that reach for bytes outside of their own file: none is followed, each is named.
@Suite struct HostileCheckpointTests {
    private static let array = "/model/model.norm.weight"

    /// A checkpoint in which `array` is replaced by what `edit` makes of it.
    private func withCheckpoint(
        replacing entry: String = array, _ edit: (hid_t, String, String) throws -> Void,
        _ body: (HDF5CheckpointStore, String, String) throws -> Void
    ) throws {
        try Sample.withFolder { folder throws in
            let store = Sample.store(folder)
            try store.write(Sample.state(step: 7))
            try store.write(Sample.state(step: 8))
            let other = folder + "/other"
            try store.write(Sample.state(step: 8))
            let path = store.path(step: 8)
            let file = try HDF5Handle("H5Fopen", path) {
                H5Fopen(path, CHDF5_read_write(), CHDF5_default())
            }
            let id = file.id
            try checked { H5Ldelete(id, entry, CHDF5_default()) }
            try edit(id, entry, other)
            try checked { H5Fflush(id, H5F_SCOPE_LOCAL) }
            _ = consume file
            try body(store, path, other)
        }
    }

    private func checked<Value: SignedInteger>(_ body: () -> Value) throws {
        try HDF5Library.checked("editing", "test", body)
    }

    private func expectRefusal(_ store: HDF5CheckpointStore, _ entry: String, _ found: String) {
        let path = store.path(step: 8)
        let expected = CheckpointError.elsewhere(entry: entry, found: found, file: path)
        #expect(CheckpointInspection(path: path).verify().contains(expected))
        #expect(thrown { _ = try store.read(step: 8) } == expected)
        // The checkpoint before is used instead.
        let newest = try? store.readNewest { reader throws(CheckpointError) in
            _ = try reader.state()
        }
        #expect(newest?.step == 7 && newest?.rejected == [expected])
    }

    @Test(arguments: [HostileCheckpointTests.array, "/meta/history", "/meta/configuration"])
    func anExternalLinkIsNamed(entry: String) throws {
        try withCheckpoint(replacing: entry) { file, entry, other in
            try checked {
                H5Lcreate_external(
                    other, "/secret", file, entry, CHDF5_default(), CHDF5_default())
            }
        } _: { store, _, other in
            expectRefusal(store, entry, "an external link into the file \(other)")
        }
    }

    @Test func aGroupBehindAnExternalLinkIsNamed() throws {
        try withCheckpoint(replacing: "/random") { file, entry, other in
            try checked {
                H5Lcreate_external(other, "/", file, entry, CHDF5_default(), CHDF5_default())
            }
        } _: { store, _, other in
            expectRefusal(store, "/random", "an external link into the file \(other)")
        }
    }

    @Test func aSoftLinkIsNamed() throws {
        try withCheckpoint { file, entry, _ in
            try checked {
                H5Lcreate_soft("/model/scalar", file, entry, CHDF5_default(), CHDF5_default())
            }
        } _: { store, _, _ in
            expectRefusal(store, Self.array, "a soft link to /model/scalar")
        }
    }

    /// Makes the array anew, with properties that `change` sets.
    private func create(
        _ file: hid_t, _ entry: String, _ change: (hid_t, hid_t) -> herr_t
    ) throws {
        let space = try HDF5Handle("space", "test") { H5Screate_simple(1, [8], nil) }
        let properties = try HDF5Handle("properties", "test") {
            H5Pcreate(CHDF5_dataset_creation())
        }
        let (spaceID, propertiesID) = (space.id, properties.id)
        try checked { change(propertiesID, spaceID) }
        _ = try HDF5Handle("dataset", "test") {
            H5Dcreate2(
                file, entry, CHDF5_float32(), spaceID, CHDF5_default(), propertiesID,
                CHDF5_default())
        }
    }

    @Test func externalStorageIsNamedAndNotRead() throws {
        try withCheckpoint { file, entry, other in
            try create(file, entry) { properties, _ in H5Pset_external(properties, other, 0, 32) }
            try Data(count: 32).write(to: URL(filePath: other))
        } _: { store, _, other in
            expectRefusal(store, Self.array, "stored in the external file \(other)")
        }
    }

    @Test func aVirtualDatasetIsNamed() throws {
        try withCheckpoint { file, entry, other in
            try create(file, entry) { properties, space in
                H5Pset_virtual(properties, space, other, "/secret", space)
            }
        } _: { store, _, _ in
            expectRefusal(store, Self.array, "a virtual dataset made of other files")
        }
    }

    @Test(arguments: [
        (32015, "chunks packed by filter 32015"), (1, "chunks packed by filter 1 (deflate)"),
        (0, "chunks"),
    ])
    func filtersAndChunksAreNamedAndNothingIsLoaded(filter: Int32, found: String) throws {
        try withCheckpoint { file, entry, _ in
            try create(file, entry) { properties, _ in
                H5Pset_chunk(properties, 1, [8])
                let optional: UInt32 = 1
                return filter == 0
                    ? 0
                    : H5Pset_filter(
                        properties, filter, optional, filter == 1 ? 1 : 0, [UInt32(6)])
            }
        } _: { store, path, _ in
            let errors = CheckpointInspection(path: path).verify()
            #expect(
                errors.contains { "\($0)".contains("\(Self.array) is stored in \(found); ") },
                "\(errors)")
        }
    }

    @Test func noProgramsAreLoadedForFilters() throws {
        try HDF5Library.checked("nothing", "test") { Int32(0) }
        var state: UInt32 = 99
        try checked { H5PLget_loading_state(&state) }
        #expect(state == 0)
    }

    @Test func aDatasetThatSaysItIsLargerThanItsFileIsNotAllocated() throws {
        try withCheckpoint(replacing: "/meta/history") { file, entry, _ in
            let type = try HDF5Handle("type", "test") { H5Tcopy(CHDF5_string()) }
            let space = try HDF5Handle("space", "test") { H5Screate(H5S_SCALAR) }
            let (typeID, spaceID) = (type.id, space.id)
            // Never written, so the file has none of its bytes.
            try checked { H5Tset_size(typeID, 1 << 31) }
            _ = try HDF5Handle("dataset", "test") {
                H5Dcreate2(
                    file, entry, typeID, spaceID, CHDF5_default(), CHDF5_default(),
                    CHDF5_default())
            }
        } _: { store, path, _ in
            let errors = CheckpointInspection(path: path).verify()
            #expect(errors.contains { "\($0)".contains("/meta/history") }, "\(errors)")
        }
    }

    @Test func aPipeIsNoCheckpoint() throws {
        try Sample.withFolder { folder throws in
            let path = folder + "/checkpoint-3.h5"
            #expect(mkfifo(path, 0o600) == 0)
            let expected = CheckpointError.file(.notRegular(file: path, kind: "a pipe"))
            #expect(CheckpointInspection(path: path).verify() == [expected])
        }
    }
}
