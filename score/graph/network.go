package graph

import (
	"bytes"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Network is an exported network taken apart, so that it can be inlined several times with one copy of its weights: a denoiser
// (x, sigma) → denoised, or an initial reconstruction x → image.
type Network struct {
	name         string // begins the names of what all copies share
	header       []byte // fields of ModelProto other than the graph: versions, operator sets, functions
	weights      []byte // initialisers and the nodes that depend on nothing else, as fields of GraphProto
	nodes        []message
	constant     map[string]bool // names that every copy shares
	x, sigma, to string          // sigma is "" where there is none
}

// Parse takes apart the ONNX bytes of a denoiser. The error says what keeps it from being inlined.
func Parse(model []byte) (*Network, error) {
	n, err := takeApart("network/", model)
	if err == nil && n.sigma == "" {
		return nil, errors.New("the network does not map (x, sigma) to one output")
	}
	return n, err
}

// ParseInitial is Parse for an initial reconstruction.
func ParseInitial(model []byte) (*Network, error) {
	n, err := takeApart("initial/", model)
	if err == nil && n.sigma != "" {
		return nil, fmt.Errorf("the network has a second input %q", n.sigma)
	}
	return n, err
}

func takeApart(name string, model []byte) (*Network, error) {
	m, err := parse(model)
	if err != nil {
		return nil, fmt.Errorf("read network: %w", err)
	}
	n := &Network{name: name, constant: map[string]bool{}}
	var inputs, outputs []string
	var nodes []message
	for _, f := range m {
		if f.number != modelGraph {
			if f.number == modelVersion || f.number == modelOpset || f.number == modelFunction {
				n.header = append(n.header, f.raw...)
			}
			continue
		}
		graph, err := parse(f.value)
		if err != nil {
			return nil, fmt.Errorf("read network's graph: %w", err)
		}
		for _, g := range graph {
			sub, err := parse(g.value)
			switch {
			case g.wire != protowire.BytesType || g.number == graphName:
			case err != nil:
				return nil, fmt.Errorf("read network's graph: %w", err)
			case g.number == graphNode:
				nodes = append(nodes, sub)
			case g.number == graphInitializer:
				n.constant[sub.text(tensorName)] = true
				n.weights = appendBytes(n.weights, graphInitializer, sub.rename(func(_ protowire.Number, name string) string { return n.share(name) }, tensorName))
			case g.number == graphInput:
				inputs = append(inputs, sub.text(valueName))
			case g.number == graphOutput:
				outputs = append(outputs, sub.text(valueName))
			}
		}
	}
	for _, name := range inputs {
		switch {
		case n.constant[name]: // old files list their weights as inputs too
		case n.x == "":
			n.x = name
		case n.sigma == "":
			n.sigma = name
		default:
			return nil, fmt.Errorf("the network has a third input %q", name)
		}
	}
	if n.x == "" || len(outputs) != 1 {
		return nil, errors.New("the network does not map its input to one output")
	}
	n.to = outputs[0]
	if err := n.hoist(nodes); err != nil {
		return nil, err
	}
	return n, nil
}

// share names what all copies of the network use.
func (n *Network) share(name string) string { return n.name + name }

// Beside says whether one graph can hold both networks: they must be of the same versions and operator sets.
func (n *Network) Beside(o *Network) bool { return bytes.Equal(n.header, o.header) }

// hoist moves the nodes that depend on weights alone, such as their conversion to single precision, to the shared part.
func (n *Network) hoist(nodes []message) error {
	for _, node := range nodes {
		same := true
		for _, f := range node {
			if f.number == nodeInput {
				same = same && (len(f.value) == 0 || n.constant[string(f.value)])
			}
			if f.number == nodeAttribute {
				attribute, err := parse(f.value)
				if err != nil {
					return fmt.Errorf("read network's attribute: %w", err)
				}
				if attribute.has(attributeGraph) || attribute.has(attributeGraphs) {
					return fmt.Errorf("the network's operator %s holds a graph of its own", node.text(nodeType))
				}
			}
		}
		if !same || node.text(nodeType) == "RandomNormal" || node.text(nodeType) == "RandomUniform" {
			n.nodes = append(n.nodes, node)
			continue
		}
		for _, f := range node {
			if f.number == nodeOutput {
				n.constant[string(f.value)] = true
			}
		}
		n.weights = appendNode(n.weights, node, n.share)
	}
	return nil
}

// inline appends a copy of the network's nodes between the values x, sigma and to; prefix keeps its names apart.
func (n *Network) inline(dst []byte, prefix, x, sigma, to string) []byte {
	rename := func(name string) string {
		switch {
		case name == n.x:
			return x
		case name == n.sigma:
			return sigma
		case name == n.to:
			return to
		case n.constant[name]:
			return n.share(name)
		}
		return prefix + name
	}
	for _, node := range n.nodes {
		dst = appendNode(dst, node, rename)
	}
	return dst
}

// appendNode appends a node of a graph with its inputs and outputs renamed; "" stays, being an input left out.
func appendNode(dst []byte, node message, rename func(string) string) []byte {
	return appendBytes(dst, graphNode, node.without(nodeName).rename(func(_ protowire.Number, name string) string { return rename(name) }, nodeInput, nodeOutput))
}
