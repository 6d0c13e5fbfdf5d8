#!/usr/bin/env bash
# The rules of the house that the compiler does not enforce. Runs every check, then says which failed.
#
#     scripts/check.sh
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

# What each room may import, besides the system's own modules. Package.swift has to say the same. A room
# that works with Autograd's tensors may also name the value types of Kernels that they are made of.
imports_of() {
    case $1 in
        Files) echo CFiles CZlib CZstd ;;
        Kernels) echo CKernels COpenBLAS COneDNN ;;
        Autograd) echo Kernels ;;
        Models) echo Files Autograd Kernels ;;
        Jinja) echo Files ;;
        Objectives) echo Models Masking TextData Autograd ;;
        Optimizers) echo Autograd Kernels ;;
        Tokenizers) echo Files ;;
        TokenizerTraining) echo Files Tokenizers ;;
        Templates) echo Files Jinja Tokenizers ;;
        Columnar) echo Files ;;
        Datasets) echo Files Columnar Templates ;;
        Masking) echo ;;
        TextData) echo Files Columnar Datasets Masking Templates Tokenizers ;;
        Distributed) echo Autograd Kernels CMPI ;;
        Checkpoints) echo Files CHDF5 CXXHash ;;
        WeightFiles) echo Files ;;
        Finetuning) echo Files Models WeightFiles Autograd Kernels ;;
        Metrics) echo Files ;;
        Rewards) echo Files ;;
        Configuration) echo Files Metrics Optimizers Datasets TextData WeightFiles Autograd ;;
        Reports) echo Files Configuration Metrics ;;
        ModelFiles)
            echo Files Configuration Models Finetuning Tokenizers Templates WeightFiles Checkpoints Autograd \
                Kernels
            ;;
        Generation) echo Files Configuration ModelFiles Models Tokenizers Templates Autograd Kernels ;;
        Evaluation)
            echo Files Configuration Metrics ModelFiles Generation Models Objectives Jinja Tokenizers \
                Templates Datasets TextData Distributed Autograd Kernels
            ;;
        Training)
            echo Files Configuration Metrics Reports ModelFiles Generation Evaluation Rewards Models Objectives \
                Optimizers Tokenizers TokenizerTraining Templates Datasets Masking TextData Distributed Checkpoints Finetuning \
                Autograd Kernels
            ;;
        Planning)
            echo Files Training Configuration Metrics Reports ModelFiles Models Objectives Optimizers TextData \
                Distributed Autograd Kernels
            ;;
        Serving) echo Files Configuration ModelFiles Generation Models Tokenizers Templates Hummingbird ;;
        Board) echo Files Checkpoints Serving ;;
        lockstep)
            echo Files Configuration ModelFiles Generation Evaluation Training Planning Serving Board Tokenizers \
                TokenizerTraining TextData Checkpoints Distributed Kernels ArgumentParser Yams
            ;;
        *) return 1 ;;
    esac
}
# The first three belong to Hummingbird.
system_modules="HummingbirdCore NIOCore Logging Foundation FoundationNetworking Dispatch Synchronization Glibc Musl Darwin"

# Files outside Kernels that may use pointers, and what for. No others, and none that no longer does.
may_use_pointers=(
    Checkpoints/CheckpointInspection.swift  # checksums
    Checkpoints/CheckpointReader.swift  # checksums
    Checkpoints/CheckpointWriter.swift  # checksums
    Checkpoints/Checksum.swift  # checksums
    Checkpoints/HDF5File+Attributes.swift  # HDF5
    Checkpoints/HDF5File+Datasets.swift  # HDF5
    Checkpoints/HDF5File.swift  # HDF5
    Checkpoints/HDF5Library.swift  # HDF5
    Checkpoints/HDF5Storage.swift  # HDF5
    Columnar/Arrow/ArrowSource.swift  # read
    Columnar/Arrow/UnpackedBytes.swift  # buffers
    Columnar/ByteView.swift  # bytes
    Columnar/Parquet/PageBuffer.swift  # buffers
    Columnar/Parquet/ParquetSource.swift  # read
    Columnar/UnpackTarget.swift  # bytes
    Datasets/ColumnScanner.swift  # bytes
    Datasets/CSVScanner.swift  # bytes
    Datasets/JSONRowScanner.swift  # bytes
    Datasets/NumberBytes.swift  # bytes
    Datasets/WrappedRows.swift  # bytes
    Distributed/Communicator.swift  # buckets
    Distributed/Fingerprint.swift  # checksums
    Distributed/LinkProbe.swift  # MPI
    Distributed/MPICirculant.swift  # MPI
    Distributed/MPICommunicator.swift  # MPI
    Distributed/MPIContext.swift  # MPI
    Distributed/MPIExchange.swift  # MPI
    Distributed/MPIMessages.swift  # MPI
    Distributed/MPINarrow.swift  # MPI
    Distributed/MPINeighbours.swift  # MPI, and the memory of processes beside
    Distributed/MPIRing.swift  # MPI
    Distributed/MPISums.swift  # MPI
    Distributed/MPITree.swift  # MPI
    Distributed/NeighbourMemory.swift  # memory of ranks
    Distributed/OverlapProbe.swift  # buckets
    Distributed/SingleProcess.swift  # buckets
    Distributed/TCP.swift  # sockets
    Files/Array+Bytes.swift  # bytes
    Files/ByteSource.swift  # read
    Files/ClientConnection.swift  # sockets
    Files/FileSource.swift  # read
    Files/GzipSource.swift  # zlib
    Files/MappedFile.swift  # mmap
    Files/PendingFile.swift  # write
    Files/WholeWrite.swift  # write
    Files/Zlib.swift  # zlib
    Files/Zstd.swift  # zstd
    Files/ZstdSource.swift  # zstd
    TextData/Conversations/TokenizedFile.swift  # mmap
    TextData/Conversations/TokenizedFileWriter.swift  # write
    TextData/Corpus/ChunkEncoder.swift  # bytes
    TextData/Corpus/CorpusPlan.swift  # bytes
    TextData/Corpus/CorpusSearch.swift  # readdir
    TextData/Corpus/JSONRecord.swift  # bytes
    TextData/Corpus/SegmentReader.swift  # bytes
    TextData/Corpus/ShardHeader.swift  # bytes
    TextData/Corpus/ShardWriter.swift  # write
    TextData/Corpus/TextBoundary.swift  # bytes
    TextData/Corpus/TextCleaner.swift  # bytes
    TextData/Corpus/TokenDataset.swift  # mmap
    TextData/Corpus/TokenFile.swift  # mmap
    TextData/Corpus/UnfinishedFile.swift  # write
    TextData/SampleSource.swift  # ids
    Tokenizers/ByteStringTable.swift  # bytes
    Tokenizers/ByteWord.swift  # bytes
    Tokenizers/ChunkCounter.swift  # bytes
    Training/LiveArrays.swift  # memory of ranks
    WeightFiles/GGUFArray.swift  # mmap
    WeightFiles/GGUFCursor.swift  # mmap
    WeightFiles/GGUFFile+Reading.swift  # mmap
    WeightFiles/GGUFFile.swift  # mmap
    WeightFiles/GGUFTensor.swift  # mmap
    WeightFiles/GGUFWriter.swift  # write
    WeightFiles/HuggingFaceFolder.swift  # safetensors
    WeightFiles/MappedBytes.swift  # mmap
    WeightFiles/SafetensorsFile+Writing.swift  # safetensors
    WeightFiles/SafetensorsFile.swift  # safetensors
    WeightFiles/TorchArchive.swift  # mmap
    WeightFiles/WeightFile.swift  # safetensors
    WeightFiles/WeightType.swift  # safetensors
    WeightFiles/ZipDirectory.swift  # mmap
)
pointers='Unsafe[A-Za-z]*Pointer|withUnsafe|OpaquePointer|Unmanaged|assumingMemoryBound|unsafeBitCast|unsafeUninitialized|nonisolated\(unsafe\)'

forbidden='(^|[^A-Za-z])(try!|as!|fatalError[(]|TO''DO|FIX''ME)'
machine_paths='(^|[^A-Za-z0-9._/-])/(work|tmp|root|opt|home)/'
longest=400  # lines
longest_function=80
longest_init=50
failed=()

# Files of this tree that are, or are about to be, committed; patterns as git takes them.
files() {
    git ls-files --cached --others --exclude-standard -- "$@" | sort -u |
        while IFS= read -r file; do [[ -f $file ]] && printf '%s\n' "$file"; done
}

# The same, without this file, which has to name what it looks for.
files_but_this() {
    files "$@" | grep -v '^scripts/check\.sh$'
}

# grep over a list of files on standard input; prints matches, succeeds when there are none.
none_match() {
    local found
    found=$(tr '\n' '\0' | xargs -0 -r grep -nHIE -e "$1")
    [[ -z $found ]] || { printf '%s\n' "$found"; return 1; }
}

check_format() {
    swift format lint --strict -p -r Sources Tests Package.swift 2>&1
}

# `!` on optionals is a crash waiting; tests may.
check_forced_unwraps() {
    local rules
    rules=$(sed '$s/}[[:space:]]*$//' .swift-format)
    rules+=', "rules": {"NeverForceUnwrap": true, "NeverUseForceTry": true,
        "NeverUseImplicitlyUnwrappedOptionals": true}}'
    swift format lint --strict -p -r --configuration "$rules" Sources 2>&1 | grep -E '\[Never|onfiguration'
    [[ ${PIPESTATUS[1]} -ne 0 ]]
}

check_length() {
    local file lines status=0
    while IFS= read -r file; do
        lines=$(wc -l <"$file")
        ((lines <= longest)) && continue
        echo "$file: $lines lines, at most $longest"
        status=1
    done < <(files '*.swift' '*.c' '*.h' '*.py' '*.sh')
    return $status
}

# From a declaration's first line to its closing brace, which swift-format puts under it.
check_functions() {
    files 'Sources/*.swift' | tr '\n' '\0' | xargs -0 awk -v lines="$longest_function" -v init="$longest_init" '
        FNR == 1 { split("", first) }
        { match($0, /^ */); depth = RLENGTH; line = substr($0, depth + 1) }
        line ~ /^}(\(\))?$/ && depth in first {
            most = is_init[depth] ? init : lines
            if (FNR - first[depth] >= most) {
                print FILENAME ":" first[depth] ": " FNR - first[depth] + 1 " lines, at most " most
                status = 1
            }
        }
        line != "" && line !~ /^([)#{]|where |->)/ { delete first[depth] }
        line ~ /^([a-z@]+(\([a-z_]+\))? )*(func|init|deinit|subscript|var|let)[ (<?]/ {
            first[depth] = FNR
            is_init[depth] = line ~ /^([a-z@]+(\([a-z_]+\))? )*init[(<?]/
        }
        END { exit status }'
}

check_words() {
    files_but_this Sources scripts Package.swift | none_match "$forbidden"
}

check_imports() {
    local file room allowed module status=0
    while IFS= read -r file; do
        room=${file#Sources/}
        room=${room%%/*}
        allowed=$(imports_of "$room") || {
            echo "$file: room $room has no list of imports in scripts/check.sh"
            status=1
            continue
        }
        while IFS= read -r module; do
            [[ " $allowed $system_modules " == *" $module "* ]] && continue
            echo "$file: imports $module; $room may import $allowed"
            status=1
        done < <(sed -nE 's/^[[:space:]]*(@[A-Za-z_()]+[[:space:]]+)*((public|package|internal|fileprivate|private)[[:space:]]+)?import[[:space:]]+((struct|class|enum|protocol|func|var|let|typealias)[[:space:]]+)?([A-Za-z_0-9]+).*/\6/p' "$file")
    done < <(files 'Sources/*.swift')
    return $status
}

# The rooms of Package.swift, a line each: name, tab, dependencies.
rooms_of_package() {
    tr -s '[:space:]' ' ' <Package.swift | sed -E 's/, ?moduleAliases: ?\[[^]]*\]//g' |
        grep -oE '(room\( ?"|\.executableTarget\( ?name: ?")[A-Za-z]+", (dependencies: ?)?\[[^]]*\]' |
        sed -E 's/package: ?"[^"]*"//g; s/^[^"]*"([A-Za-z]+)",[^[]*\[/\1\t/; s/\.product\( ?name://g; s/["),]|\]//g'
}

words_sorted() {
    tr -s '[:space:]' '\n' | sed '/^$/d' | sort | tr '\n' ' '
}

# Package.swift gives each room what the list above gives it.
check_package() {
    local room dependencies found=() status=0
    while IFS=$'\t' read -r room dependencies; do
        [[ $room == *TestDriver || $room == fuzz ]] && continue
        found+=("$room")
        [[ $(words_sorted <<<"$dependencies") == "$(imports_of "$room" | words_sorted)" ]] && continue
        echo "Package.swift: $room depends on $dependencies; scripts/check.sh lists $(imports_of "$room")"
        status=1
    done < <(rooms_of_package)
    for room in Sources/*/; do
        room=$(basename "$room")
        imports_of "$room" >/dev/null || continue
        [[ " ${found[*]-} " == *" $room "* ]] && continue
        echo "Package.swift: no room $room that scripts/check.sh can read"
        status=1
    done
    return $status
}

check_pointers() {
    local file status=0
    files 'Sources/*.swift' ':!Sources/Kernels' |
        grep -vxF -f <(printf 'Sources/%s\n' "${may_use_pointers[@]}") |
        none_match "$pointers" || status=1
    for file in "${may_use_pointers[@]}"; do
        grep -qsE -e "$pointers" "Sources/$file" && continue
        echo "Sources/$file: listed in scripts/check.sh, but uses no pointers; take it off the list"
        status=1
    done
    return $status
}

# Rooms above Kernels reach a buffer's bytes by a HostView alone.
check_buffers() {
    files 'Sources/*.swift' ':!Sources/Kernels' | none_match '\.(pointer|floats)($|[^(A-Za-z])'
}

check_paths() {
    files_but_this . | none_match "$machine_paths"
}

check_scripts() {
    local file status=0
    while IFS= read -r file; do
        [[ -x $file ]] || { echo "$file: not executable"; status=1; }
        bash -n "$file" || status=1
    done < <(files 'scripts/*.sh' .ci/run)
    if command -v shellcheck >/dev/null; then
        files 'scripts/*.sh' .ci/run | tr '\n' '\0' | xargs -0 shellcheck -S warning || status=1
    fi
    return $status
}

sha256_of() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}

# Every folder of references has a manifest that lists every file with its hash.
check_references() {
    local folder manifest file entry hash status=0
    for folder in Tests/References/*/; do
        manifest=${folder}manifest.json
        [[ -f $manifest ]] || { echo "$manifest: missing"; status=1; continue; }
        while IFS= read -r file; do
            entry=${file#"$folder"}
            [[ $entry == manifest.json ]] && continue
            hash=$(sed -nE 's/^[[:space:]]*"(.*)":[[:space:]]*"([0-9a-f]{64})",?$/\1\t\2/p' "$manifest" |
                awk -F '\t' -v entry="$entry" '$1 == entry { print $2 }')
            [[ -n $hash ]] || { echo "$file: not in $manifest"; status=1; continue; }
            [[ $hash == "$(sha256_of "$file")" ]] ||
                { echo "$file: differs from its hash in $manifest"; status=1; }
        done < <(files "$folder")
        while IFS= read -r entry; do
            [[ -f $folder$entry ]] || { echo "$folder$entry: in the manifest, but missing"; status=1; }
        done < <(sed -nE 's/^[[:space:]]*"(.*)":[[:space:]]*"[0-9a-f]{64}",?$/\1/p' "$manifest")
    done
    return $status
}

check_tracked() {
    local found
    found=$(git ls-files --cached --ignored --exclude-standard
        git ls-files | grep -E '(^|/)(\.build[^/]*|__pycache__|\.DS_Store)(/|$)|\.(o|a|so|dylib|pyc|swiftmodule)$'
        # References of the tests have a manifest; any other checkpoint or shard was made by a run.
        git ls-files ':!Tests/References' | grep -E '\.(h5|bin)$')
    [[ -z $found ]] || { printf 'tracked, but generated: %s\n' "$found"; return 1; }
}

# Runs one check and remembers when it fails.
run() {
    local output
    output=$("$2") && return
    failed+=("$1")
    printf '%s\n' "check: $1:" "$output" | sed '2,$s/^/    /'
}

run "format (swift format -i -p -r Sources Tests Package.swift mends most)" check_format
run "forced unwraps" check_forced_unwraps
run "files over $longest lines" check_length
run "functions over $longest_function lines, initialisers over $longest_init" check_functions
run "forbidden words" check_words
run "imports between rooms" check_imports
run "rooms of Package.swift" check_package
run "pointers outside the listed files" check_pointers
run "memory of buffers above Kernels" check_buffers
run "paths of one machine" check_paths
run "shell scripts" check_scripts
run "reference values" check_references
run "generated files" check_tracked

if ((${#failed[@]})); then
    printf 'check: FAILED: %s\n' "${failed[@]}" >&2
    exit 1
fi
echo "check: all passed"
