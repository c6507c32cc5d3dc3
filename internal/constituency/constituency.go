// Package constituency keeps whom the national CERT serves: constituents as a tree, their contacts and assets, each with
// the time it is valid and whether a person or a registry said so. It answers who owns an address, and why.
package constituency
