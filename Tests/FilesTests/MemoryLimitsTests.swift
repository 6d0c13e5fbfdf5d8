import Files
import Testing

/// The memory that a process may take.
@Suite struct MemoryLimitsTests {
    private let meminfo = """
        MemTotal:        1000 kB
        MemFree:          100 kB
        MemAvailable:     600 kB
        SwapTotal:        500 kB
        SwapFree:         400 kB
        """

    private func limits(_ files: [String: String]) -> [MemoryLimits.Limit] {
        MemoryLimits { files[$0] }.limits
    }

    @Test func theMachinesMemoryIsWhatIsAvailable() {
        let found = limits(["/proc/meminfo": meminfo])
        #expect(found.count == 1)
        #expect(found.first?.bytes == 1500 * 1024)
        #expect(found.first?.left == 1000 * 1024)
    }

    @Test func groupsAroundTheProcessCount() {
        let found = limits([
            "/proc/self/cgroup": "0::/slurm/job_7/step_0\n",
            "/sys/fs/cgroup/slurm/job_7/memory.max": "4000\n",
            "/sys/fs/cgroup/slurm/job_7/memory.current": "3000\n",
            "/sys/fs/cgroup/slurm/job_7/memory.stat":
                "anon 5\ninactive_file 300\nactive_file 200\n",
            "/sys/fs/cgroup/slurm/memory.max": "max\n",
            "/sys/fs/cgroup/slurm/memory.current": "3000\n",
        ])
        #expect(found.map(\.bytes) == [4000])
        #expect(found.map(\.left) == [1500])
    }

    @Test func groupsOfTheFirstVersionCount() {
        let found = limits([
            "/proc/self/cgroup": "4:memory:/docker/a\n3:cpuset:/\n",
            "/sys/fs/cgroup/memory/docker/a/memory.limit_in_bytes": "9223372036854771712\n",
            "/sys/fs/cgroup/memory/docker/a/memory.usage_in_bytes": "3000\n",
            "/sys/fs/cgroup/memory/memory.stat": "inactive_file 9\ntotal_inactive_file 100\n",
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": "7000\n",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes": "6950\n",
        ])
        #expect(found.map(\.bytes) == [7000])
        #expect(found.map(\.left) == [150])
    }

    @Test func addressSpaceCounts() {
        let found = limits([
            "/proc/self/limits": """
            Limit                     Soft Limit           Hard Limit           Units
            Max cpu time              unlimited            unlimited            seconds
            Max address space         2000000              unlimited            bytes
            """, "/proc/self/status": "Name:\tlockstep\nVmSize:\t     1000 kB\n",
        ])
        #expect(found.map(\.bytes) == [2_000_000])
        #expect(found.map(\.left) == [976_000])
        #expect(limits(["/proc/self/limits": "Max address space  unlimited unlimited"]).isEmpty)
    }
}
