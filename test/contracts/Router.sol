// SPDX-License-Identifier: MIT
pragma solidity ^0.8.20;

/// Names the network's contracts; the deployer can point it elsewhere.
contract Router {
    address public immutable admin = msg.sender;
    address public gatewayRegistry;
    address public providerRegistry;
    address public gatewayStaking;
    address public model;
    address public epochController;
    address public permissions;
    address public treasury;
    address public rewardPool;
    mapping(uint256 => address) public providerStaking;

    function setGatewayRegistry(address to) external { onlyAdmin(); gatewayRegistry = to; }

    function setProviderRegistry(address to) external { onlyAdmin(); providerRegistry = to; }

    /// One contract for what the network has as three.
    function setStaking(address to, uint256 modelId) external {
        onlyAdmin();
        model = to;
        epochController = to;
        providerStaking[modelId] = to;
    }

    function onlyAdmin() private view { require(msg.sender == admin, "not the admin"); }
}
