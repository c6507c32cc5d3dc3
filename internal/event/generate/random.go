package generate

// golden is 2^64 divided by the golden ratio, the step of SplitMix64.
const golden = 0x9e3779b97f4a7c15

// mix is a hash of two numbers (the finaliser of SplitMix64 over their combination): equal on every machine, for good.
func mix(a, b uint64) uint64 {
	z := a ^ (b+1)*golden
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// mixText is a hash of a number and a text.
func mixText(a uint64, s string) uint64 {
	for i := range len(s) {
		a = mix(a, uint64(s[i]))
	}
	return a
}

// random is a stream of numbers, SplitMix64.
type random uint64

func (r *random) next() uint64 {
	*r += golden
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below is a number from 0 to n-1.
func (r *random) below(n int) int { return int((r.next() >> 32) * uint64(n) >> 32) }

// chance is true in percent of a hundred cases.
func (r *random) chance(percent int) bool { return r.below(100) < percent }

// stride is a prime above every size used with it, so that k·stride mod size meets every number once.
const stride = 2_147_483_647

// spread maps k, below size, onto another number below size, each once.
func spread(k, offset, size uint64) uint64 { return (k%size*stride + offset%size) % size }
